"""The request and the response of an answer, as the gateway has them."""

import json
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from playground.listing import address_of
from playground.services.raw import headers_for, raw_request, raw_response
from playground.views.common import own_answer
from web.request import PortalRequest


@require_safe
@gzip_page
def details(request: PortalRequest, answer_id: UUID) -> HttpResponse:
    """Show request, response and headers of an answer."""
    answer = own_answer(request, answer_id)
    context = {
        "answer": answer,
        "address": address_of(answer.message.conversation),
        "sent": _indented(raw_request(answer)),
        "came": _indented(raw_response(answer)),
        "headers": sorted(headers_for(request.user, answer).items()),
    }
    return render(request, "playground/details.html", context)


def _indented(body: object) -> str:
    return json.dumps(body, indent=2, ensure_ascii=False)
