"""What customers owe and have paid: invoices with their balance, money without an invoice, statements of account."""
