"""Pages on which admins see and manage people. Has no tables: it reads those of the apps below."""
