"""Pages on which admins see and manage people. It has no tables of its own: it reads those of the apps below."""
