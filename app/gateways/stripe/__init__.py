"""Stripe: PaymentIntents and SetupIntents confirmed from our server, with what the Payment Element made of a card.

`keys` finds an account's secrets in the environment, `client` speaks and says what went wrong, `amounts` and `reading`
translate, and `charges`, `movements`, `setups`, `disputes`, `settlement`, `notices` and `health` each do one subject;
`adapter` holds them together. docs/stripe.md says how it is set up and what was tried against what.
"""
