"""Routes of sign-in and accounts, under allauth's names; routes that are missing here are not offered."""

from allauth.account import views as allauth_views
from allauth.socialaccount import views as social_views
from django.urls import path, re_path

from accounts import (
    cas_views,
    fresh_views,
    provider_views,
    saml_logout_views,
    saml_views,
    second_factor_views,
    session_views,
    sign_out,
    views,
)
from accounts.fresh import needs_fresh_sign_in

urlpatterns = [
    path("login/", views.SignIn.as_view(), name="account_login"),
    path("logout/", sign_out.SignOut.as_view(), name="account_logout"),
    path("signed-out/", sign_out.signed_out, name="account_signed_out"),
    path("inactive/", allauth_views.account_inactive, name="account_inactive"),
    path("signup/", views.sign_up, name="account_signup"),
    path("language-and-time-zone/", views.language_and_time_zone, name="account_locale"),
    path("mails/", views.mails, name="account_mails"),
    path("sign-ins/", session_views.sign_ins, name="account_sign_ins"),
    path("sessions/<int:sign_in_id>/end/", session_views.end_one, name="account_end_session"),
    path("sessions/end-others/", session_views.end_others, name="account_end_other_sessions"),
    path("confirm/", fresh_views.with_institution, name="account_confirm_identity"),
    path("second-factor/", second_factor_views.index, name="account_second_factor"),
    path("second-factor/app/", second_factor_views.totp, name="account_totp"),
    path("second-factor/key/", second_factor_views.add_security_key, name="account_add_security_key"),
    path("second-factor/<int:factor_id>/remove/", second_factor_views.remove, name="account_remove_factor"),
    path("second-factor/recovery-codes/", second_factor_views.recovery_codes, name="account_recovery_codes"),
    path("login/second-factor/", second_factor_views.authenticate, name="mfa_authenticate"),
    path("email/", needs_fresh_sign_in()(views.Address.as_view()), name="account_email"),
    path("confirm-email/", allauth_views.email_verification_sent, name="account_email_verification_sent"),
    path("confirm-email/<str:key>/", allauth_views.confirm_email, name="account_confirm_email"),
    path("password/change/", views.ChangePassword.as_view(), name="account_change_password"),
    path("password/none/", views.no_password, name="account_set_password"),
    path("password/reset/", views.ForgottenPassword.as_view(), name="account_reset_password"),
    path("password/reset/done/", allauth_views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.NewPassword.as_view(),
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        allauth_views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("oidc/<str:provider_id>/login/", views.institution_sign_in, name="openid_connect_login"),
    path("oidc/<str:provider_id>/login/callback/", views.institution_callback, name="openid_connect_callback"),
    path("ldap/<str:provider_id>/login/", provider_views.directory_sign_in, name="ldap_login"),
    path("cas/<str:provider_id>/login/", cas_views.sign_in, name="cas_login"),
    path("cas/<str:provider_id>/login/callback/", cas_views.callback, name="cas_callback"),
    path("saml/<str:provider_id>/login/", saml_views.sign_in, name="saml_login"),
    path("saml/<str:provider_id>/answer/", saml_views.answer, name="saml_answer"),
    path("saml/<str:provider_id>/logout/", saml_logout_views.endpoint, name="saml_logout"),
    path("saml/<str:provider_id>/sign-out/", saml_logout_views.sign_out, name="saml_sign_out"),
    path("saml/<str:provider_id>/metadata/", saml_views.metadata, name="saml_metadata"),
    path("logo/<str:provider_id>/", provider_views.logo, name="provider_logo"),
    path("oidc/cancelled/", social_views.login_cancelled, name="socialaccount_login_cancelled"),
]
