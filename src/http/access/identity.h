// Who sends a request: by a bearer token, by a ticket, or by the cookie of a session.
#ifndef STAGELOG_HTTP_ACCESS_IDENTITY_H_
#define STAGELOG_HTTP_ACCESS_IDENTITY_H_

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "http/access/auth.h"
#include "http/access/grants.h"
#include "http/call.h"
#include "http/route_table.h"

namespace stagelog {

// The parameter of a query that carries a ticket.
inline constexpr const char* kTicketParameter = "ticket";
// The field that carries a session's secret with what changes something.
inline constexpr const char* kSessionField = "X-Stagelog-Session";

// True where a browser says that a page of this very origin sends the request (W3C Fetch Metadata,
// `Sec-Fetch-Site`; an older one says so by `Origin`). Cookies do not ask for the port or the page.
bool IsOfThisOrigin(const Call& call);

// The values of the cookies of that name (RFC 6265, section 5.4). Another server of this host can
// add one, and have the browser send it first.
std::vector<std::string_view> CookiesOf(const Call& call, std::string_view name);

// Takes the ticket out of the query: nothing that is answered repeats it. A token counts before a
// cookie, which a browser sends unasked. `grants` may be null: then tokens alone count. Refusals:
// those of TokenTable and Grants; conflicting_credentials for a ticket in the query beside a token;
// cross_origin for a cookie that no page of this origin sends; invalid_session_secret for a change
// by cookie without the session's secret; token_required where a session is not enough; forbidden
// for what a ticket does not open.
tl::expected<Principal, Refusal> Identify(Call& call, const Route& route, const TokenTable& tokens,
                                          Grants* grants);

}  // namespace stagelog

#endif  // STAGELOG_HTTP_ACCESS_IDENTITY_H_
