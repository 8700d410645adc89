"""How often the Hub may be called, counted once for all workers.

The Hub allows a session 30 calls and 10 sends a minute, and an account some hundreds in a quarter of an hour. The count
is a log of the last minute in Redis, looked at and written by one Lua script: at no moment do more than 30 calls lie
within any 60 seconds. (A plain bucket of 30 tokens that refills would let 59 through in its first minute.) The clock is
Redis's, so that workers on several machines agree.

Two lanes: a fifth of each budget (6 of the 30) is kept for people who wait for an answer; background work stops there.
What the Hub's headers say corrects the count: somebody else may be using the same session.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from redis import Redis

from .answers import rate_limited
from .calls import Call
from .limits import MINUTE, general_window, minute_window
from .shared import shared_state

Lane = Literal["people", "background"]

CALLS_A_MINUTE = 30
SENDS_A_MINUTE = 10
# A call granted early may arrive late and meet the next minute's: a second's room on the way to the Hub.
MARGIN_MS = 1000
# A Hub without limits says so by a number that nobody can reach. So many foreign calls a minute are believed at most.
_UNLIMITED = 1_000_000
_MOST_ELSEWHERE = 1000
_KEPT_FOR_PEOPLE = 5  # one in five
_STATE_SECONDS = 3600
# Waiting callers come back at slightly different moments, or one slot would wake all of them; and now and then before
# their time, since an answer may have taught another worker that the Hub allows more.
_SPREAD = 0.05
_LOOK_AGAIN = 2.0

# KEYS: the account's state; then for each budget its log and its state. ARGV: window in ms, kept for people (one in n,
# 0 for people themselves), a unique name of the call, then each budget's limit.
# Returns 0 and counts the call in every budget, or the milliseconds to wait and counts nothing.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window, share, name = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]

local function kept(limit)
	if share == 0 or limit < 2 then return 0 end
	return math.ceil(limit / share)
end

local wait = 0
local account = redis.call('HMGET', KEYS[1], 'remaining', 'reset_at', 'limit', 'blocked_until')
local remaining, reset_at = tonumber(account[1]), tonumber(account[2])
if remaining and reset_at > now and remaining <= kept(tonumber(account[3])) then wait = reset_at - now end
wait = math.max(wait, (tonumber(account[4]) or 0) - now)

for i = 4, #ARGV do
	local log, state = KEYS[(i - 4) * 2 + 2], KEYS[(i - 4) * 2 + 3]
	local known = redis.call('HMGET', state, 'limit', 'blocked_until')
	local limit = tonumber(known[1]) or tonumber(ARGV[i])
	wait = math.max(wait, (tonumber(known[2]) or 0) - now)
	redis.call('ZREMRANGEBYSCORE', log, '-inf', now - window)
	local allowed, used = limit - kept(limit), redis.call('ZCARD', log)
	if used >= allowed then
		local free = redis.call('ZRANGE', log, used - allowed, used - allowed, 'WITHSCORES')
		wait = math.max(wait, tonumber(free[2]) + window - now)
	end
end
if wait > 0 then return math.ceil(wait) end

for i = 2, #KEYS, 2 do
	redis.call('ZADD', KEYS[i], now, name)
	redis.call('PEXPIRE', KEYS[i], window * 2)
end
if remaining then redis.call('HINCRBY', KEYS[1], 'remaining', -1) end
return 0
"""

# KEYS: a log and its state. ARGV: window in ms, the Hub's limit, remaining, ms until reset, most that is believed,
# seconds to keep, most foreign calls. Fills the log with the calls that somebody else made, dated so that they leave it at the reset.
_CORRECT_MINUTE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window, limit, remaining = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
limit = math.min(limit, tonumber(ARGV[5]))
redis.call('HSET', KEYS[2], 'limit', limit)
redis.call('EXPIRE', KEYS[2], ARGV[6])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
local missing = limit - math.min(remaining, limit) - redis.call('ZCARD', KEYS[1])
missing = math.min(missing, tonumber(ARGV[7]))
local score = math.min(now, now + tonumber(ARGV[4]) - window)
for i = 1, missing do redis.call('ZADD', KEYS[1], score, 'elsewhere:' .. now .. ':' .. i) end
if missing > 0 then redis.call('PEXPIRE', KEYS[1], window * 2) end
return missing
"""

# KEYS: the account's state. ARGV: limit, remaining, ms until reset, seconds to keep. Calls under way are not in `remaining` yet, so
# within one window it only goes down.
_CORRECT_ACCOUNT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local remaining, reset_in = tonumber(ARGV[2]), tonumber(ARGV[3])
local known = redis.call('HMGET', KEYS[1], 'remaining', 'reset_at')
if known[1] and tonumber(known[2]) > now then remaining = math.min(remaining, tonumber(known[1])) end
redis.call('HSET', KEYS[1], 'limit', ARGV[1], 'remaining', remaining, 'reset_at', now + reset_in)
redis.call('EXPIRE', KEYS[1], ARGV[4])
return remaining
"""

# KEYS: the state of a budget. ARGV: ms for which nothing is to be asked, seconds to keep.
_BLOCK = """
local time = redis.call('TIME')
local until_ms = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[1])
local known = tonumber(redis.call('HGET', KEYS[1], 'blocked_until')) or 0
redis.call('HSET', KEYS[1], 'blocked_until', math.max(known, until_ms))
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""


@dataclass
class Patience:
	"""How long one call may wait in all, for its turn and between tries. None means as long as it takes."""

	seconds: float | None
	sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
	waited: float = 0.0

	def allows(self, seconds: float) -> bool:
		"""Whether there is patience for another `seconds`."""
		return self.seconds is None or self.waited + seconds <= self.seconds

	def wait(self, seconds: float) -> None:
		"""Sleep for `seconds`, which must be allowed."""
		self.sleep(seconds)
		self.waited += seconds


class Pacer:
	"""The budgets of one account at the Hub.

	`redis` is a connection to the Redis that all workers share, `prefix` the beginning of all its keys: one for each
	site and account.
	"""

	def __init__(self, redis: Redis, prefix: str) -> None:
		self._prefix = prefix
		self._take = redis.register_script(_TAKE)
		self._correct_minute = redis.register_script(_CORRECT_MINUTE)
		self._correct_account = redis.register_script(_CORRECT_ACCOUNT)
		self._block = redis.register_script(_BLOCK)

	def wait_for_turn(self, call: Call, lane: Lane, patience: Patience) -> None:
		"""Return when `call` may be made, having counted it.

		Raises RateLimited (with the seconds to wait) as soon as it is clear that the patience will not do.
		"""
		while wait := self._try(call, lane):
			if not patience.allows(wait):
				raise rate_limited(wait, code="OWN_BUDGET")
			step = min(wait, _LOOK_AGAIN)
			spread = random.uniform(0, _SPREAD)
			patience.wait(step + spread if patience.allows(step + spread) else step)

	def learn(self, call: Call, headers: Mapping[str, str]) -> None:
		"""Correct the count by the headers (names in lower case) of the answer to `call`."""
		minute, general = minute_window(headers), general_window(headers)
		with shared_state():
			if minute:
				# A send answers with the limit of sends, which is never raised: numbers are banned after bursts.
				name, most = ("sends", SENDS_A_MINUTE) if call.is_send else ("calls", _UNLIMITED)
				self._correct_minute(
					keys=self._budget(call, name),
					args=[
						_window_ms(),
						minute.limit,
						minute.remaining,
						_ms(minute.reset_in),
						most,
						_STATE_SECONDS,
						_MOST_ELSEWHERE,
					],
				)
			if general:
				self._correct_account(
					keys=[self._key("account")],
					args=[general.limit, general.remaining, _ms(general.reset_in), _STATE_SECONDS],
				)

	def block(self, call: Call, seconds: float, headers: Mapping[str, str]) -> None:
		"""Let nobody make such a call for `seconds`: the Hub answered 429."""
		general = general_window(headers)
		if general and general.remaining == 0:
			key = self._key("account")
		else:
			key = self._budget(call, "sends" if call.is_send else "calls")[1]
		with shared_state():
			self._block(keys=[key], args=[_ms(seconds), _STATE_SECONDS])

	def _try(self, call: Call, lane: Lane) -> float:
		"""Count the call and return 0, or return the seconds to wait."""
		keys, limits = [self._key("account"), *self._budget(call, "calls")], [CALLS_A_MINUTE]
		if call.is_send:
			keys += self._budget(call, "sends")
			limits.append(SENDS_A_MINUTE)
		share = _KEPT_FOR_PEOPLE if lane == "background" else 0
		with shared_state():
			return int(self._take(keys=keys, args=[_window_ms(), share, uuid.uuid4().hex, *limits])) / 1000

	def _budget(self, call: Call, name: str) -> list[str]:
		key = self._key(f"{name}:{call.budget}")
		return [f"{key}:log", f"{key}:state"]

	def _key(self, name: str) -> str:
		return f"{self._prefix}pacing:{name}"


def _window_ms() -> int:
	return MINUTE * 1000 + MARGIN_MS


def _ms(seconds: float) -> int:
	return int(seconds * 1000)
