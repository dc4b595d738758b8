"""Operations on access tokens, and answers that are repeated."""
