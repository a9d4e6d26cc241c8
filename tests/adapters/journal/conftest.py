"""No event loop is made on the side.

`looptime` asks for the current loop before every test; where none was ever set, asyncio makes one that nobody
closes, and the warning of that lands on whichever test runs when it is collected.
"""

import asyncio

asyncio.set_event_loop(None)
