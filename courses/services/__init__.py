"""Operations on courses. Keys are created and changed by the services of keys."""
