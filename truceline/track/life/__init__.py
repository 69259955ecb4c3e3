"""How tracks begin, exist, meet, are lost and found again."""
