from __future__ import annotations

from pathlib import Path

import pytest

from peerstats.data.codebook import Codebook
from peerstats.data.codebook_file import read_codebook
from peerstats.errors import Problem, UsageError

# The data dictionary of the study protocol: every variable must be declared under its own name.
DICTIONARY = {
    "sites": """
        site_id country_work site_type testing_fee clinic_distance_km clinic_access
        permit_required enforcement_shock n_ngo_outreach migrant_share approached eligible
        refused""",
    "venues": """
        venue_id venue_type formality indoor mgr_present mgr_condoms mgr_training
        mgr_clinic_days mgr_security mgr_rules_client mgr_violence permit_check_freq
        n_workers police_visits_1m dist_main_strip_m""",
    "participants": """
        participant_id interviewer_id sampling_mode tls_weight recruiter_id degree sex age
        country_birth municipality_birth migrant_type migration_doc date_left_home
        age_first_migration years_in_city age_entry entry_vs_migration entry_reason
        entry_coerced travelled_with ever_deported n_deport deported_from education_yrs
        marital steady_partner n_children child_separated indigenous language
        disclosure_family childhood_abuse prior_ipv gang_violence_home consent consent_date
        years_sw age_at_arrival migration_stage sw_stage double_newcomer stage_order
        irregular""",
    "visits": """
        venue_support_climate visit_id visit_no date exchanged_sex_1m solicit_place
        service_place formality_now n_venues_6m moved_work_police_6m crossed_border_6m
        n_trips_home_12m weekly_clients hours_week income_week financial_need n_peers_trust
        n_peers_help_money n_peers_call_danger distress suicidal_thoughts
        condom_self_efficacy hiv_knowledge condom_demo_ever source_first_info
        alcohol_audit_c drug_use_1m phone phone_credit phone_peer_safety health_permit
        condom_freq_clients ccu_clients condom_last_client acts_7d unprotected_7d
        condom_partner_freq client_refusal_6m more_money_offered_6m more_money_accepted_6m
        condom_first_clients condom_broke_1m condom_confiscated_6m hiv_test_ever
        last_test_date months_since_test hiv_test_12m hiv_test_6m sti_screen_6m test_reason
        test_voluntary sti_self_12m sti_symptoms_6m hiv_status_self isolation_score lonely
        help_sought_after_violence reported_to_authority reason_not ps_total ps_z ps_high
        venue_ps_mean ps_within mobile client_phys_sex_6m client_any_6m authority_any_6m
        peer_any_6m partner_any_6m any_workplace_6m n_perpetrators n_types""",
    "support_acts": "act received provided n_peers",
    "violence": "perpetrator type ever w6m n_6m context_condom context_intox place",
}
ITEMS = {
    "cohesion": ("coh", 9, 0, 4),
    "tension": ("ten", 6, 1, 5),
    "loneliness": ("lon", 3, 1, 3),
    "network": ("net", 6, 0, 5),
    "stigma_internal": ("stig_int", 4, 1, 4),
    "stigma_enacted": ("stig_enacted", 4, 1, 4),
}


@pytest.fixture(scope="module")
def standard() -> Codebook:
    return read_codebook()


@pytest.mark.parametrize("table", DICTIONARY)
def test_the_whole_dictionary_is_declared(standard: Codebook, table: str) -> None:
    for name in DICTIONARY[table].split():
        assert name in standard.fields
        assert standard.fields[name].table == table


def test_sites_of_the_keys(standard: Codebook) -> None:
    names = {table: [k.name for k in keys] for table, keys in standard.keys.items()}
    assert names["venues"] == ["venue_id", "site_id"]
    assert names["violence"] == ["visit_id", "participant_id"]
    assert standard.tables["violence"].key == ("visit_id", "perpetrator", "type")
    assert standard.tables["participants"].points_to == {"site_id": "sites", "venue_id": "venues"}


@pytest.mark.parametrize("scale", ITEMS)
def test_scales_have_their_items_and_range(standard: Codebook, scale: str) -> None:
    stem, number, low, high = ITEMS[scale]
    found = standard.scales[scale]
    assert found.items == tuple(f"{stem}_{i}" for i in range(1, number + 1))
    assert (found.low, found.high) == (low, high)
    score = standard.fields[found.score or ""]
    assert (score.low, score.high) == (number * low, number * high)
    assert all(standard.fields[i].recall is not None for i in found.items)


def test_the_domains_of_support_add_up(standard: Codebook) -> None:
    acts = [level.value for level in standard.fields["act"].levels]
    assert len(acts) == 23 == standard.fields["ps_total"].high
    for letter in "eitmsab":
        number = sum(act.startswith(letter.upper()) for act in acts)
        assert standard.fields[f"ps_domain_{letter}"].high == number


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("n_deport", "ever_deported = 1"),
        ("deported_from", "ever_deported = 1"),
        ("child_separated", "n_children >= 1"),
        ("condom_partner_freq", "steady_partner = 1"),
        ("condom_last_client", "weekly_clients > 0"),
        ("client_refusal_6m", "weekly_clients > 0"),
        ("more_money_accepted_6m", "more_money_offered_6m = 1"),
        ("months_since_test", "hiv_test_ever = 1"),
        ("help_sought_after_violence", "any_violence_6m = 1"),
        ("sti_type", "sti_self_12m = 1"),
        ("mgr_security", "mgr_present = 1"),
        ("degree", "sampling_mode = rds"),
        ("phone_credit", "phone = 1"),
    ],
)
def test_skip_rules(standard: Codebook, name: str, rule: str) -> None:
    assert str(standard.fields[name].asked_if) == rule


def test_references_are_those_of_the_analysis_plan(standard: Codebook) -> None:
    references = {"formality": "informal", "country_work": "GTM", "migration_stage": "long"}
    for name, level in references.items():
        assert standard.fields[name].reference == level
    assert [level.label for level in standard.fields["phone"].levels] == ["No", "Yes"]
    assert standard.fields["age"].reference is None


def test_what_must_never_be_shown_small_is_marked(standard: Codebook) -> None:
    for name in ("suicidal_thoughts", "hiv_status_self", "migration_doc", "municipality_birth"):
        assert standard.fields[name].sensitive == 2


# -------------------------------------------------------------------------- a study's own codebook

ALONE = """
[tables]
sites = { key = ["site_id"] }
participants = { key = ["participant_id"], points_to = { site_id = "sites" } }
[fields.sites]
site_id = { label = "Site", type = "key" }
[fields.participants]
participant_id = { label = "Woman", type = "key" }
"""


def own(folder: Path, text: str) -> Codebook:
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return read_codebook(path)


def test_a_study_overrides_single_attributes_and_adds_variables(tmp_path: Path) -> None:
    codebook = own(
        tmp_path,
        'extends = "standard"\nname = "mine"\nmissing = { "-99" = ".r" }\n[rules]\nC09 = "error"\n'
        '[scales]\ncohesion = { high = 5 }\n[fields.participants]\nage = { column = "edad" }\n'
        'tattoos = { label = "Tattoos", type = "integer" }\n',
    )
    age = codebook.fields["age"]
    assert (codebook.name, age.column, age.label, age.high) == ("mine", "edad", "Age", 110)
    assert age.missing == {"-99": ".r"}
    assert codebook.fields["tattoos"].table == "participants"
    assert codebook.rules == {"C09": "error"}
    assert codebook.scales["cohesion"].high == 5
    assert codebook.scales["cohesion"].label == "Social cohesion"


def test_a_codebook_can_stand_alone(tmp_path: Path) -> None:
    codebook = own(
        tmp_path,
        ALONE + 'town = { label = "Town", type = "category", levels = ["big_town", "small"] }\n',
    )
    assert set(codebook.fields) == {"site_id", "participant_id", "town"}
    assert [level.label for level in codebook.fields["town"].levels] == ["Big town", "Small"]


MISTAKES = """name = "x"
extends = "standart"
titel = "y"
[rules]
C01 = "eror"
[tables]
sites = { key = ["site_id"] }
participants = { key = ["participant_id"], points_to = { site_id = "site" } }
[scales]
joy = { label = "Joy" }
[fields.sites]
site_id = { label = "Site", type = "key" }
[fields.particpants]
x = { label = "X", type = "number" }
[fields.participants]
participant_id = { label = "Woman", type = "key" }
a = { label = "A", type = "numbr" }
b = { lable = "B", type = "number" }
c = { type = "number", label = 3 }
d = { label = "D", type = "category" }
e = { label = "E", type = "number", low = 5, high = 2 }
f = { label = "F", type = "number", missing = { "9" = ".q" } }
g = { label = "G", type = "boolean", asked_if = "participant_ida = 1" }
h = { label = "H", type = "ordinal", scale = "jay" }
i = { label = "I", type = "category", levels = ["u", "v"], aliases = { w = "uu" } }
j = { label = "J", type = "boolean", asked_if = "t = vv" }
k = { label = "K", type = "boolean", asked_if = "t is v" }
l = { label = "L", type = "number", sensitive = 3 }
m = { label = "M", type = "number", recall = "7days" }
n-o = { label = "N", type = "number" }
p = 3
q = { label = "Q", type = "number", decimal = "." , thousands = "x" }
r = { label = "R", type = "number", role = "exposer" }
s = { label = "S", type = "number", levels = ["1"] }
t = { label = "T", type = "category", levels = ["u", "v"] }
"""

EXPECTED = {
    2: 'extends can only be "standard"',
    3: "Unknown entry 'titel'",
    5: "rule 'C01': unknown severity 'eror'. Did you mean 'error'?",
    8: "'site_id' points to unknown table 'site'. Did you mean 'sites'?",
    10: "scale 'joy': low and high of one item are needed.",
    13: "Unknown table 'particpants'. Did you mean 'participants'?",
    17: "'a': unknown type 'numbr'. Did you mean 'number'?",
    18: "'b': unknown 'lable'. Did you mean 'label'?",
    19: "'c': 'label' has the wrong kind of value.",
    20: "'d': a category needs levels, the reference first.",
    21: "'e': low is above high.",
    22: "'f': unknown missing code '.q'.",
    23: "'g': asked_if: unknown variable 'participant_ida'. Did you mean 'participant_id'?",
    24: "'h': unknown scale 'jay'. Did you mean 'joy'?",
    25: "'i': an alias stands for 'uu', which is not a level.",
    26: "'j': asked_if: 't' has no level 'vv'.",
    27: "'k': asked_if: 't is v' is not a condition.",
    28: "'l': sensitive is 0, 1 or 2.",
    29: "'m': unknown recall '7days'.",
    30: "'n-o': a name has letters, digits and _",
    31: "'p' must be a table",
    32: "'q': thousands must be one of",
    33: "'r': unknown role 'exposer'. Did you mean 'exposure'?",
    34: "'s': a number has no levels.",
}


def test_all_mistakes_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refusal:
        own(tmp_path, MISTAKES)
    told = {problem.line: problem.message for problem in refusal.value.problems}
    assert sorted(told) == sorted(EXPECTED)
    for line, message in EXPECTED.items():
        assert message in told[line]
    assert f"{tmp_path / 'own.toml'}:17: 'a': unknown type" in str(refusal.value)


def test_the_tables_that_every_study_needs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\[tables\] must declare 'participants'"):
        own(tmp_path, '[tables]\nsites = { key = ["site_id"] }\n')


def test_a_variable_belongs_to_one_table(tmp_path: Path) -> None:
    text = (
        'extends = "standard"\n[fields.participants]\nphone = { label = "x", type = "boolean" }\n'
    )
    with pytest.raises(UsageError, match="already a variable of table"):
        own(tmp_path, text)


def test_a_key_must_be_declared(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="key 'woman' is not declared"):
        own(tmp_path, ALONE.replace('["participant_id"]', '["woman"]'))


def test_a_file_that_is_not_toml_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"own\.toml:2: this is not valid TOML"):
        own(tmp_path, 'name = "x"\n= 3\n')


def test_a_missing_codebook_names_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "codebook.toml").write_text(ALONE)
    with pytest.raises(UsageError, match=r"Did you mean 'codebook\.toml'\?"):
        read_codebook(tmp_path / "codebok.toml")


def test_a_codebook_in_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes('name = "Tecún"'.encode("latin-1"))
    with pytest.raises(UsageError, match="is not UTF-8"):
        read_codebook(tmp_path / "x.toml")


@pytest.mark.parametrize("value", ["3", '"x"', "[1]", "{ a = 1 }", "true", "1.5", "2020-01-01"])
@pytest.mark.parametrize(
    "entry",
    [
        *("rules", "missing", "aliases", "tables", "scales", "fields"),
        *("tables.sites", "scales.cohesion", "aliases.boolean", "rules.C01"),
        *("fields.participants", "fields.participants.age", "fields.participants.age.levels"),
        *("fields.participants.age.low", "fields.participants.age.asked_if"),
        *("tables.venues.key", "tables.venues.points_to", "scales.tension.low"),
    ],
)
def test_any_shape_is_read_or_refused_with_its_file(tmp_path: Path, entry: str, value: str) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        own(tmp_path, f'extends = "standard"\n{entry} = {value}\n')
    except UsageError as refusal:
        problems = refusal.problems
    assert all(problem.file is not None for problem in problems)
