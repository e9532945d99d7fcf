"""The first user, and what is kept of it."""

import stat

import pytest
from django.contrib.auth import authenticate, get_user_model

from thor.operations.prepare import make_admin, password_file

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("configured")]


@pytest.fixture(autouse=True)
def _folder(configured: pytest.MonkeyPatch) -> None:
    password_file().parent.mkdir(parents=True)


def test_the_first_start_makes_a_user_whose_password_works_and_is_kept() -> None:
    password = make_admin()

    assert password is not None
    assert authenticate(username="admin", password=password) is not None
    assert password_file().read_text().strip() == password
    assert stat.S_IMODE(password_file().stat().st_mode) == 0o600


def test_a_later_start_prints_no_password_again() -> None:
    make_admin()

    assert make_admin() is None


def test_where_somebody_administrates_already_nobody_is_added() -> None:
    get_user_model().objects.create_superuser("ada", password="long enough")

    assert make_admin() is None
    assert not password_file().exists()


def test_a_new_database_in_the_same_folder_has_the_kept_password() -> None:
    password = make_admin()
    get_user_model().objects.all().delete()

    assert make_admin() == password
