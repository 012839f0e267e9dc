-- Prepended to scripts that write several keys. What a script has written stays if a later command of it is refused, so
-- the rights of the user are looked at before the first write. Redis before 7 cannot say which they are.

-- Ends the script if the user may not use one of the commands, each given as a list with its first arguments.
local function demand(...)
  if not redis.acl_check_cmd then return end
  for _, command in ipairs({ ... }) do
    if not redis.acl_check_cmd(unpack(command)) then
      error({ err = 'NOPERM the user has no right to ' .. table.concat(command, ' ', 1, 2) })
    end
  end
end
