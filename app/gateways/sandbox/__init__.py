"""The sandbox: a make-believe processor that works offline, keeps its own books, and takes published test cards only.

`cards` says what each test card does; `tables` and `books` are its memory and `ledger` its balance; `processor`,
`movements`, `setups`, `disputes` and `payouts` are what it does, over a `line` that `script` can cut; `events` and
`notices` are what it tells by itself; and `adapter` translates, as it would for a processor on the other side of the
world. Several gateways live in one sandbox and know nothing of each other.
"""
