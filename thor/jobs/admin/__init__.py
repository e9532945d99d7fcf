"""Show the ledger and the entries, and let operators act on entries: run now, pause, resume, back-fill.

django-celery-beat's own pages are kept and made to agree with Thor: what a person switches there is a wish, a form that
was opened before a bell does not switch what its person left alone, and a shared schedule row says whom it moves.
"""

from thor.jobs.admin import ledger, schedule

__all__ = ["ledger", "schedule"]
