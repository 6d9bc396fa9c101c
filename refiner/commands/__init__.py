"""The command line: a file a verb, `parser` joins them. Nothing else imports this package."""
