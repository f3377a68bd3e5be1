"""``/v1/customers``: search, suggest, one customer."""

from typing import Annotated

from litestar import Router, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from crmsearch.api.audited import Disclosed
from crmsearch.api.exports import export_customers, export_customers_by_url
from crmsearch.api.limits import Spend
from crmsearch.api.parameters import FilterTexts, Service, SortText, read_filters, read_names
from crmsearch.contract import Customer
from crmsearch.privacy.limits import LOOKED_UP
from crmsearch.search.facet_request import parse_facet_list
from crmsearch.search.lineage import Lineage, build_lineage
from crmsearch.search.lookup import LookupResponse
from crmsearch.search.request import LookupRequest, SearchRequest, SuggestRequest
from crmsearch.search.response import SearchResponse, SuggestResponse
from crmsearch.search.similar import MAX_SIMILAR, SimilarResponse

__all__ = ["customers_router"]


@post("/search", operation_id="SearchCustomers", opt={"audit": "search"}, status_code=200)
async def search_customers(data: JSONBody[SearchRequest], service: Service, disclosed: Disclosed) -> SearchResponse:
    """Search customers; the main form, since personal data belongs in a body."""
    answer = await service.search(data)
    disclosed.note([hit.id for hit in answer.hits], data, hits=answer.total)
    return answer


@get("/search", operation_id="SearchCustomersByUrl", opt={"audit": "search"})
async def search_customers_by_url(
    service: Service,
    disclosed: Disclosed,
    q: FromQuery[str] = "",
    filter_: FilterTexts = None,
    facets: Annotated[
        str,
        QueryParameter(description="Separated by commas: `city`, `age:..<20|20..<40`, `revenue:100`, `revenue:auto`, `created_at:month`"),
    ] = "",
    sort: SortText = "",
    size: FromQuery[int] = 20,
    cursor: FromQuery[str | None] = None,
    highlight: FromQuery[bool] = True,
    explain: FromQuery[bool] = False,
    exact_total: Annotated[bool, QueryParameter(description="Count all hits, however many they are")] = False,
) -> SearchResponse:
    """Search customers from the address bar; the same as the ``POST`` form."""
    request = SearchRequest(
        q=q,
        filters=read_filters(filter_),
        facets=parse_facet_list(facets),
        sort=read_names(sort),
        size=size,
        cursor=cursor,
        highlight=highlight,
        explain=explain,
        exact_total=exact_total,
    )
    answer = await service.search(request)
    disclosed.note([hit.id for hit in answer.hits], request, hits=answer.total)
    return answer


@post("/suggest", operation_id="SuggestCustomers", opt={"audit": "suggest"}, status_code=200)
async def suggest_customers(data: JSONBody[SuggestRequest], service: Service, disclosed: Disclosed) -> SuggestResponse:
    """Customers that fit a fragment, while it is being typed."""
    answer = await service.suggest(data)
    disclosed.note([each.id for each in answer.suggestions], data)
    return answer


@get("/suggest", operation_id="SuggestCustomersByUrl", opt={"audit": "suggest"})
async def suggest_customers_by_url(
    service: Service, disclosed: Disclosed, q: FromQuery[str], size: Annotated[int, QueryParameter(ge=1, le=20)] = 8
) -> SuggestResponse:
    """Customers that fit a fragment; the same as the ``POST`` form."""
    request = SuggestRequest(q=q, size=size)
    answer = await service.suggest(request)
    disclosed.note([each.id for each in answer.suggestions], request)
    return answer


@post("/lookup", operation_id="LookUpCustomers", opt={"audit": "lookup"}, status_code=200)
async def look_up_customers(data: JSONBody[LookupRequest], service: Service, disclosed: Disclosed, spend: Spend) -> LookupResponse:
    """Customers by id, e-mail (any case), phone (any notation) and analysts' reference, at most 500 values; which nobody has is said."""
    spend(LOOKED_UP * sum(len(values) for values in (data.ids, data.emails, data.phones, data.refs)))
    answer = await service.lookup(data)
    disclosed.note([each.customer_id for each in answer.customers], data)
    return answer


@get("/{customer_id:str}", operation_id="GetCustomer", opt={"audit": "get"})
async def get_customer(customer_id: FromPath[str], service: Service, disclosed: Disclosed) -> Customer:
    """One customer by id."""
    customer = await service.customer(customer_id)
    disclosed.note([customer_id])
    return customer


@get("/{customer_id:str}/lineage", operation_id="GetLineage", opt={"audit": "lineage"})
async def get_lineage(customer_id: FromPath[str], service: Service, disclosed: Disclosed) -> Lineage:
    """The source records that one customer is made of, and why each of them was joined."""
    customer = await service.customer(customer_id)
    disclosed.note([customer_id])
    return build_lineage(customer)


@get("/{customer_id:str}/similar", operation_id="GetSimilar", opt={"audit": "similar"})
async def get_similar(
    customer_id: FromPath[str],
    service: Service,
    disclosed: Disclosed,
    size: Annotated[int, QueryParameter(ge=1, le=MAX_SIMILAR, description="Largest number of look-alikes")] = 10,
) -> SimilarResponse:
    """Customers who behave alike and have a like profile, with the reasons in words and the parts of the score."""
    answer = await service.similar(customer_id, size)
    disclosed.note([customer_id, *(each.id for each in answer.similar)])
    return answer


customers_router = Router(
    path="/customers",
    route_handlers=[
        search_customers,
        search_customers_by_url,
        suggest_customers,
        suggest_customers_by_url,
        look_up_customers,
        export_customers,
        export_customers_by_url,
        get_customer,
        get_lineage,
        get_similar,
    ],
    opt={"scope": "customers:read"},
    tags=["customers"],
)
