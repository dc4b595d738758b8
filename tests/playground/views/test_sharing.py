"""A conversation shared by link: what readers see, and until when."""

import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.audit import Actor
from accounts.models import User
from playground.models import STALE_AFTER, Answer, Conversation, Share
from playground.services.anonymise import anonymise
from playground.services.prune import prune_conversations
from playground.services.sharing import MAX_SHARES, prune_shares, share, token_of
from tests.conftest import signed_in
from tests.playground import rows

pytestmark = pytest.mark.django_db
UNTIL_ENDED = {"lasts_days": ""}


@pytest.fixture
def conversation(intern: User) -> Conversation:
    """Make a conversation whose second answer has an alternative, with every kind of file."""
    made = rows.conversation(intern, ("First question", "First answer"), title="Bees", params={"system": "Be secret"})
    first = rows.last_answer(made)
    second = rows.message(made, "Second question", parent=first, name="Ann-2")
    rows.image(second)
    rows.text_file(second, text="Bees dance")
    rows.answer(second, "Other version", cost_usd="0.25")
    shown = rows.answer(second, "Second answer")
    picture = rows.generated_image(shown)
    Answer.objects.filter(pk=shown.pk).update(extras={"images": [str(picture.pk)]})
    return made


def shared(owner: Client, conversation: Conversation, **form: str) -> str:
    """Share it by the form; return the link that the page shows."""
    page = owner.post(reverse("playground:share", args=[conversation.pk]), {**UNTIL_ENDED, **form}, follow=True)
    assert page.status_code == 200, page.content
    links: list[str] = re.findall(r">http://testserver(/playground/shared/[^<]+)<", page.content.decode())
    return links[0]


def addresses(link: str, reader: Client) -> list[str]:
    """Return the addresses of the images and files on the shared page."""
    return re.findall(rf'(?:href|src)="({link}[^"]+)"', reader.get(link).content.decode())


def test_a_reader_sees_the_shown_branch_and_no_more(
    conversation: Conversation, as_intern: Client, as_staff: Client
) -> None:
    page = as_staff.get(shared(as_intern, conversation))

    for words in ("Bees", "First question", "First answer", "Ann-2", "Second question", "Second answer"):
        assertContains(page, words)
    for words in ("Other version", "Be secret", "0.25", "Retry", "playground-form"):
        assertNotContains(page, words)


def test_what_is_written_later_is_shown_only_if_chosen(
    conversation: Conversation, as_intern: Client, as_staff: Client
) -> None:
    as_now, with_later = shared(as_intern, conversation), shared(as_intern, conversation, follows="on")
    last = rows.last_answer(conversation)
    rows.answer(rows.message(conversation, "Third question", parent=last), "Third answer")
    running = rows.message(conversation, "Fourth question", parent=rows.last_answer(conversation))
    rows.answer(running, "Half an ans", state=Answer.State.STREAMING)

    assertContains(as_staff.get(with_later), "Third answer")
    assertNotContains(as_staff.get(with_later), "Half an ans")
    assertNotContains(as_staff.get(as_now), "Third question")


def test_files_are_shown_as_far_as_they_are_shared(
    conversation: Conversation, as_intern: Client, as_staff: Client
) -> None:
    link = shared(as_intern, conversation)
    last = rows.last_answer(conversation)
    later = rows.message(conversation, "Third question", parent=last)
    hidden = rows.image(later), rows.generated_image(rows.answer(later)), rows.text_file(later)

    found = sorted(set(addresses(link, as_staff)))

    assert len(found) == 3
    for address in [*found, f"{next(each for each in found if 'files' in each)}data/"]:
        response = as_staff.get(address)
        assert response.status_code == 200
        assert "no-store" in response["Cache-Control"]
    image, picture, file = (each.pk for each in hidden)
    missing = [
        f"{link}images/{image}/",
        f"{link}images/made/{picture}/",
        f"{link}files/{file}/",
        f"{link}files/{file}/data/",
    ]
    assert [as_staff.get(address).status_code for address in missing] == [404] * 4
    own = [reverse("playground:image", args=[last.message.attachments.all()[0].pk])]
    assert [as_staff.get(address).status_code for address in own] == [404]


@pytest.mark.parametrize(
    "end", ["by its owner", "by time", "with the conversation", "with the answer", "inactive", "anonymous"]
)
def test_an_ended_link_is_not_found(
    conversation: Conversation, intern: User, as_intern: Client, as_staff: Client, end: str
) -> None:
    link = shared(as_intern, conversation)
    everything = [link, *addresses(link, as_staff)]
    made = Share.objects.get()

    if end == "by its owner":
        assertRedirects(
            as_intern.post(reverse("playground:end_share", args=[made.pk]), {"list": "yes"}),
            reverse("playground:shares"),
        )
    elif end == "by time":
        Share.objects.update(ends_at=timezone.now())
    elif end == "with the conversation":
        Conversation.objects.update(used_at=timezone.now() - timedelta(days=settings.PLAYGROUND_RETENTION_DAYS + 1))
        prune_conversations()
    elif end == "with the answer":
        as_intern.post(reverse("playground:delete_answer", args=[conversation.head_id]))
    elif end == "inactive":
        User.objects.filter(pk=intern.pk).update(is_active=False)
    else:
        anonymise(person=intern, actor=Actor())

    assert {as_staff.get(address).status_code for address in everything} == {404}
    assert as_staff.post(f"{link}copy/").status_code == 404


def test_an_expired_link_is_deleted_by_the_task(conversation: Conversation, as_intern: Client) -> None:
    shared(as_intern, conversation)
    shared(as_intern, conversation, lasts_days="7")
    Share.objects.exclude(ends_at=None).update(ends_at=timezone.now())

    assert (prune_shares(), Share.objects.count()) == (1, 1)


def test_a_link_opens_nothing_without_a_sign_in(conversation: Conversation, as_intern: Client) -> None:
    link = shared(as_intern, conversation)

    assert Client().get(link)["Location"].startswith(reverse("account_login"))


def test_only_its_owner_shares_lists_and_ends(
    conversation: Conversation, as_intern: Client, as_staff: Client, as_admin: Client
) -> None:
    shared(as_intern, conversation)
    of_conversation, end = (
        reverse("playground:share", args=[conversation.pk]),
        reverse("playground:end_share", args=[Share.objects.get().pk]),
    )

    for stranger in (as_staff, as_admin):
        statuses = [stranger.get(of_conversation), stranger.post(of_conversation, UNTIL_ENDED), stranger.post(end)]
        assert [each.status_code for each in statuses] == [404, 404, 404]
        assertNotContains(stranger.get(reverse("playground:shares")), "Bees")
    assertContains(as_intern.get(reverse("playground:shares")), "Bees")
    assertContains(as_intern.get(reverse("playground:conversation", args=[conversation.pk])), ">Shared</a>")
    assert Share.objects.count() == 1


def test_refuses_a_running_answer_another_kind_and_too_many(
    conversation: Conversation, intern: User, as_intern: Client
) -> None:
    address = reverse("playground:share", args=[conversation.pk])
    assert as_intern.post(address, {"lasts_days": "1000"}).status_code == 422
    other = rows.conversation(intern, ("a", "b"), kind=Conversation.Kind.COMPARE)
    assert as_intern.get(reverse("playground:share", args=[other.pk])).status_code == 404
    running = rows.answer(rows.last_answer(conversation).message, state=Answer.State.STREAMING)
    assertContains(as_intern.post(address, UNTIL_ENDED), "is being written", status_code=409)
    running.delete()
    Share.objects.bulk_create(Share(conversation=conversation, token_hash=str(number)) for number in range(MAX_SHARES))
    assertContains(as_intern.post(address, UNTIL_ENDED), "End one first", status_code=409)


def test_a_link_shows_what_is_there_when_it_is_made(conversation: Conversation) -> None:
    loaded = Conversation.objects.get(pk=conversation.pk)
    newest = rows.answer(rows.last_answer(conversation).message, "Newest answer")

    assert share(loaded, follows=False, lasts_days=None).until == newest
    Conversation.objects.filter(pk=loaded.pk).delete()
    with pytest.raises(Conversation.DoesNotExist):
        share(loaded, follows=False, lasts_days=None)


def test_the_database_has_no_token(conversation: Conversation, as_intern: Client) -> None:
    link = shared(as_intern, conversation)

    made = Share.objects.get()

    assert token_of(made) in link
    assert token_of(made) not in str(Share.objects.values().get())
    made.token_hash = "of another secret"
    assert token_of(made) == ""


def test_a_reader_copies_it_with_its_files(conversation: Conversation, as_intern: Client, staff: User) -> None:
    link, reader = shared(as_intern, conversation), signed_in(staff)

    response = reader.post(f"{link}copy/")

    copy = Conversation.objects.owned_by(staff).get()
    assertRedirects(response, reverse("playground:conversation", args=[copy.pk]))
    page = reader.get(response["Location"]).content.decode()
    seen = ("First question", "First answer", "Ann-2</p>", "Second question", "Second answer")
    assert all(words in page for words in seen)
    own = sorted(set(re.findall(r'(?:href|src)="(/playground/(?:images|files)/[^"]+)"', page)))
    assert [reader.get(address).status_code for address in own] == [200] * 3
    assert copy.stored_bytes > sum(copy.messages.values_list("stored_bytes", flat=True))
    assert not Answer.objects.filter(message__conversation=copy).exclude(cost_usd=None).exists()
    as_intern.post(reverse("playground:delete", args=[conversation.pk]))
    assert [reader.get(address).status_code for address in own] == [200] * 3


def test_an_imported_answer_is_marked_for_readers_and_in_copies(
    conversation: Conversation, as_intern: Client, staff: User
) -> None:
    link, reader = shared(as_intern, conversation), signed_in(staff)
    assertNotContains(reader.get(link), "Imported from a file")
    Answer.objects.filter(pk=rows.last_answer(conversation).pk).update(imported=True)

    assertContains(reader.get(link), "Imported from a file", count=1)
    reader.post(f"{link}copy/")

    copied = Answer.objects.filter(message__conversation__owner=staff).order_by("started_at")
    assert list(copied.values_list("imported", flat=True)) == [False, True]


def test_an_answer_whose_process_died_is_not_copied_as_one_in_progress(
    conversation: Conversation, as_intern: Client, staff: User
) -> None:
    link = shared(as_intern, conversation)
    last = Answer.objects.filter(pk=rows.last_answer(conversation).pk)
    last.update(state=Answer.State.STREAMING, saved_at=timezone.now() - STALE_AFTER)

    signed_in(staff).post(f"{link}copy/")

    copied = Answer.objects.filter(message__conversation__owner=staff)
    assert set(copied.values_list("state", flat=True)) == {Answer.State.COMPLETE, Answer.State.STOPPED}


def test_a_copy_needs_room(conversation: Conversation, as_intern: Client, staff: User) -> None:
    link = shared(as_intern, conversation)
    rows.conversation(staff, ("a", "b"), stored_bytes=10**12)

    assertContains(signed_in(staff).post(f"{link}copy/"), "MB in all", status_code=422)
    assert Conversation.objects.owned_by(staff).count() == 1
