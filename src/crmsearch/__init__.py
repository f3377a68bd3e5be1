"""crmsearch: CRM exports in, a searchable customer base out."""
