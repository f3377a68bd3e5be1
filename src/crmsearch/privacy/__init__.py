"""What may be shown of personal data, and how; pure."""
