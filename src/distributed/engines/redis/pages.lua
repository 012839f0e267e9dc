-- Prepended to scripts that read lists. Returns items from an index on, up to the given number of bytes, at least one.
local function page(list, from, bytes)
  local items, size, count = {}, 0, 32
  while size < bytes do
    local some = redis.call('LRANGE', list, from + #items, from + #items + count - 1)
    for _, item in ipairs(some) do
      -- Items that were read and do not fit are read again with the next page.
      if #items > 0 and size + #item > bytes then return items end
      items[#items + 1] = item
      size = size + #item
    end
    if #some < count then break end
    -- Reads as many items as will fit if they are as long as the earlier ones.
    count = math.max(1, math.min(1000, math.floor((bytes - size) * #items / math.max(1, size))))
  end
  return items
end
