"""The sandbox: a make-believe processor that works offline, keeps its own books, and takes published test cards only.

`cards` says what each test card does, `tables` and `books` are its memory, `processor` its behaviour, and `adapter`
translates, as it would for a processor on the other side of the world.
"""
