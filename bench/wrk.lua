-- GETs one path with the tokens of many people in turn, and looks at every answer.
-- Arguments: path, Host, a file of "e-mail <tab> token" lines, and the size that every body must
-- have; 0 means that the body must hold the e-mail of one of these people instead.

wrong, failed, example = 0, 0, ""
local requests, people, size, at = {}, {}, 0, 0

function init(args)
  local path, host, file = args[1], args[2], args[3]
  size = tonumber(args[4])
  for line in io.lines(file) do
    local email, token = line:match("^(.-)\t(.*)$")
    local number = #requests + 1
    people[email] = true
    requests[number] = wrk.format("GET", path, {
      ["Host"] = host,
      ["Accept"] = "application/json",
      ["Authorization"] = "Bearer " .. token,
      ["X-Forwarded-For"] = string.format("10.1.%d.%d", number / 250, number % 250 + 1),
    })
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function response(status, headers, body)
  if status ~= 200 then
    failed = failed + 1
    example = status .. " " .. body:sub(1, 200)
  elseif size > 0 then
    if #body ~= size then
      wrong = wrong + 1
      example = #body .. " bytes: " .. body:sub(1, 200)
    end
  elseif not people[body:match('"email": ?"([^"]+)"') or ""] then
    wrong = wrong + 1
    example = body:sub(1, 200)
  end
end

local threads = {}

function setup(thread)
  threads[#threads + 1] = thread
end

function done(summary, latency, _)
  local sums = { wrong = 0, failed = 0 }
  for _, thread in ipairs(threads) do
    sums.wrong = sums.wrong + thread:get("wrong")
    sums.failed = sums.failed + thread:get("failed")
    example = thread:get("example")
  end
  local sockets = summary.errors
  io.write(string.format(
    "\nRESULT %d %d %.1f %.1f %d %d %d\n%s\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    sums.wrong, sums.failed, sockets.connect + sockets.read + sockets.write + sockets.timeout,
    example))
end
