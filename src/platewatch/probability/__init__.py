"""How probable a match is: what recognisers do to plates, and everybody else's vehicles."""
