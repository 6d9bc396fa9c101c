"""Files in and out: pictures, masks, sessions, result documents. Never torch."""
