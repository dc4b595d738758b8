"""HTTP helpers that know no app: typed request, page-or-partial, security headers, health."""
