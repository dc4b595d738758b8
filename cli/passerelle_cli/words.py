"""Texts in English, or in French where the locale is French."""

import os
from typing import Final

FRENCH: Final = {
    "Open %s and confirm this code:": "Ouvrez %s et confirmez ce code :",
    "Signed in as %s.": "Connecté en tant que %s.",
    "Signed out.": "Déconnexion faite.",
    "Signed out here, but the access token still works. Revoke it in your account: %s": (
        "Déconnexion faite ici, mais le jeton d’accès marche encore. Révoquez-le dans votre compte : %s"
    ),
    "You were not signed in.": "Vous n’étiez pas connecté.",
    "Not signed in. Run: passerelle-cli login URL": "Pas de connexion. Lancez : passerelle-cli login URL",
    "The sign-in was refused.": "La connexion a été refusée.",
    "Nobody confirmed the code in time.": "Personne n’a confirmé le code à temps.",
    "%s does not answer: %s": "%s ne répond pas : %s",
    "%s is no address of a portal: it begins with https://": "%s n’est pas l’adresse d’un portail : elle commence par https://",
    "The secret in the environment has characters that no secret has.": (
        "Le secret dans l’environnement contient des caractères qu’aucun secret ne contient."
    ),
    "The access token cannot be stored: %s": "Le jeton d’accès ne peut pas être enregistré : %s",
    "Secret, shown once: %s": "Secret, affiché une seule fois : %s",
    "Deleted: %s": "Supprimée : %s",
    "There is no key “%s”.": "Il n’y a pas de clé « %s ».",
    "Several keys begin with “%s”.": "Plusieurs clés commencent par « %s ».",
    "No keys.": "Pas de clés.",
    "spent": "dépensé",
    "left": "restant",
    "no limit": "sans limite",
    'Set OPENAI_API_KEY first, for example by: eval "$(passerelle-cli env)"': (
        'Définissez d’abord OPENAI_API_KEY, par exemple avec : eval "$(passerelle-cli env)"'
    ),
    "The gateway refused: %s": "La passerelle a refusé : %s",
    "There is no question.": "Il n’y a pas de question.",
}


def language() -> str:
    """Return "fr" where the locale is French, else "en"."""
    named = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return "fr" if next((name for name in named if name), "").startswith("fr") else "en"


def say(text: str, *values: object) -> str:
    """Return a text in the language of the locale, with these values."""
    words = FRENCH.get(text, text) if language() == "fr" else text
    return words % values if values else words
