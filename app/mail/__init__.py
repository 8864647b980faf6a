"""Order mail: what each kind says, who gets it and why, how it is put together, and what carries it away.

`commands.mails` stages mails, `commands.mail_delivery` delivers them.
"""
