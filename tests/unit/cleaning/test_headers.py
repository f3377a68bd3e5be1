import pytest

from crmsearch.cleaning.categories import OPT_OUTS
from crmsearch.cleaning.headers import HEADERS, map_headers
from crmsearch.cleaning.text import match_key
from crmsearch.contract import FIELDS
from crmsearch.errors import InvalidRequestError, UnknownFieldError


@pytest.mark.parametrize(
    ("headers", "columns"),
    [
        ("Name,Age,Gender,City", "name,age,gender,city"),
        ("姓名,年龄,性别,城市", "name,age,gender,city"),
        (
            "rec_id, given_name, surname, street_number, address_1, address_2, suburb, postcode, state, date_of_birth, soc_sec_id",
            "customer_id,given_name,family_name,address,address,address,city,postcode,province,birth_date,national_id",
        ),
        (
            "Id,FirstName,LastName,Email,Phone,MobilePhone,MailingStreet,MailingCity,MailingState,MailingPostalCode,MailingCountry",
            "customer_id,given_name,family_name,emails,phones,phones,address,city,province,postcode,country",
        ),
        (
            "Title,Birthdate,OwnerId,CreatedDate,LastModifiedDate,LastActivityDate,Description",
            "job_title,birth_date,owner,created_at,updated_at,last_activity_at,notes",
        ),
        (
            "Record Id,First Name,Last Name,Account Name,Contact Owner,Email,Phone,Mobile,Tag,Created Time,Modified Time",
            "customer_id,given_name,family_name,company,owner,emails,phones,phones,tags,created_at,updated_at",
        ),
        (
            "contactid,fullname,emailaddress1,telephone1,mobilephone,address1_line1,address1_city,address1_stateorprovince",
            "customer_id,name,emails,phones,phones,address,city,province",
        ),
        (
            "address1_country,address1_postalcode,birthdate,gendercode,jobtitle,createdon,modifiedon",
            "country,postcode,birth_date,gender,job_title,created_at,updated_at",
        ),
        (
            "Record ID - Contact,First Name,Last Name,Email,Phone Number,Lifecycle Stage,Company Name,State/Region,Create Date",
            "customer_id,given_name,family_name,emails,phones,lifecycle,company,province,created_at",
        ),
        (
            "客户编号,客户姓名,手机,联系电话,邮箱,出生日期,省份,邮编,身份证号,公司,职位,行业,备注,标签,创建时间",
            "customer_id,name,phones,phones,emails,birth_date,province,postcode,national_id,company,job_title,industry,notes,tags,created_at",
        ),
    ],
)
def test_known_exports_are_mapped_whole(headers: str, columns: str) -> None:
    mapping = map_headers(headers.split(","))
    assert mapping.columns == tuple(columns.split(","))
    assert mapping.unmapped == ()


def test_a_second_column_of_a_scalar_field_is_reported() -> None:
    mapping = map_headers(["City", "Favourite colour", "City"])
    assert mapping.columns == ("city", None, None)
    assert mapping.unmapped == ("Favourite colour", "City")


def test_the_better_name_wins_whatever_its_place() -> None:
    mapping = map_headers(["Suburb", "City"])
    assert mapping.columns == (None, "city")


def test_numbered_columns_of_lists() -> None:
    assert map_headers(["Email", "E-mail 2", "Phone_3", "Name 2"]).columns == ("emails", "emails", "phones", None)


def test_empty_and_repeated_headers_do_no_harm() -> None:
    assert map_headers(["", "name", "", "name"]).columns == (None, "name", None, None)
    assert map_headers([]).columns == ()


def test_an_override_wins_over_the_table() -> None:
    mapping = map_headers(["Name", "Nickname", "Town"], {"name": "Nickname", "district": " town "})
    assert mapping.columns == (None, "name", "district")
    assert mapping.unmapped == ("Name",)


def test_an_override_of_a_list_field_keeps_the_columns_found() -> None:
    assert map_headers(["Email", "Kontakt"], {"emails": "Kontakt"}).columns == ("emails", "emails")


@pytest.mark.parametrize(
    ("overrides", "error"),
    [
        ({"shoe_size": "Name"}, UnknownFieldError),
        ({"name": "No such header"}, InvalidRequestError),
        ({"name": ""}, InvalidRequestError),
        ({"name": "Name", "company": "Name"}, InvalidRequestError),
    ],
)
def test_an_impossible_override_is_refused(overrides: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(error):
        map_headers(["Name", ""], overrides)


def test_no_header_name_means_two_fields() -> None:
    names = [(match_key(header), field) for field, headers in HEADERS.items() for header in headers]
    fields: dict[str, str] = {}
    for key, field in names:
        assert fields.setdefault(key, field) == field, key
    assert set(HEADERS) <= {*FIELDS, *OPT_OUTS, "deleted"}
