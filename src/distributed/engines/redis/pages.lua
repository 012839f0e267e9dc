-- Stands before scripts that read lists: gives items from an index on, until they have so many bytes; at least one.
local function page(list, from, bytes)
  local items, size, count = {}, 0, 32
  while size < bytes do
    local some = redis.call('LRANGE', list, from + #items, from + #items + count - 1)
    for _, item in ipairs(some) do
      -- Those that were read and do not fit are read again with the next page.
      if #items > 0 and size + #item > bytes then return items end
      items[#items + 1] = item
      size = size + #item
    end
    if #some < count then break end
    -- As many as will fit, if they are like those before.
    count = math.max(1, math.min(1000, math.floor((bytes - size) * #items / math.max(1, size))))
  end
  return items
end
