"""Routes of the pages about people."""

from django.urls import path

from people.views import bulk, group_acts, groups, index, invite, key_acts, key_bulk, keys, leaving, person, policy

app_name = "people"
urlpatterns = [
    path("", index.index, name="index"),
    path("people.csv", index.people_csv, name="csv"),
    path("bulk/", bulk.bulk, name="bulk"),
    path("keys/", keys.keys, name="keys"),
    path("keys.csv", keys.keys_csv, name="keys_csv"),
    path("keys/bulk/", key_bulk.bulk_keys, name="bulk_keys"),
    path("groups/", groups.groups, name="groups"),
    path("groups/new/", group_acts.new_group, name="new_group"),
    path("groups/default/", groups.group, name="default_policy"),
    path("groups/default/policy/", policy.change_policy, name="change_default_policy"),
    path("groups/default/keys/", policy.policy_state, name="default_policy_state"),
    path("groups/<int:group_id>/", groups.group, name="group"),
    path("groups/<int:group_id>/policy/", policy.change_policy, name="change_policy"),
    path("groups/<int:group_id>/keys/", policy.policy_state, name="policy_state"),
    path("groups/<int:group_id>/rename/", group_acts.rename, name="rename_group"),
    path("groups/<int:group_id>/delete/", group_acts.delete, name="delete_group"),
    path("groups/<int:group_id>/add/", group_acts.add_members, name="add_members"),
    path("groups/<int:group_id>/remove/", group_acts.remove_members, name="remove_members"),
    path("invite/", invite.invite, name="invite"),
    path("<int:person_id>/", person.detail, name="person"),
    path("<int:person_id>/deactivate/", leaving.deactivate, name="deactivate"),
    path("<int:person_id>/hand-over/", leaving.hand_over, name="hand_over"),
    path("<int:person_id>/activate/", person.activate, name="activate"),
    path("<int:person_id>/sign-out/", person.sign_out, name="sign_out"),
    path("<int:person_id>/anonymise/", person.anonymise, name="anonymise"),
    path("<int:person_id>/invite-again/", invite.invite_again, name="invite_again"),
    path("<int:person_id>/withdraw/", invite.withdraw, name="withdraw"),
    path("<int:person_id>/keys/<uuid:key_id>/block/", key_acts.block, name="block_key"),
    path("<int:person_id>/keys/<uuid:key_id>/unblock/", key_acts.unblock, name="unblock_key"),
    path("<int:person_id>/keys/<uuid:key_id>/extend/", key_acts.extend, name="extend_key"),
    path("<int:person_id>/keys/<uuid:key_id>/delete/", key_acts.delete, name="delete_key"),
]
