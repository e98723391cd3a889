// Tickets: what a token grants for a while, in a text of its own that may be shown to a page or to
// a worker in the token's place. They are signed, not stored.
#ifndef STAGELOG_HTTP_ACCESS_TICKET_H_
#define STAGELOG_HTTP_ACCESS_TICKET_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stagelog {

// How a ticket begins: told from tokens at a glance, in logs of others too.
inline constexpr std::string_view kTicketPrefix = "stlt_";

struct Ticket {
  std::string token_name;   // of the token that it was made with, and ends with
  std::string fingerprint;  // by which that token's secret is known again
  std::string scope;        // what stands first in the path of all that it opens; empty: anything
  bool may_append = false;  // else it only reads
  int64_t expires_at_micros = 0;  // since 1970; 0: it ends with its scope

  bool operator==(const Ticket&) const = default;
};

// HMAC-SHA256 with a key that never leaves the daemon. Immutable, hence safe from any thread.
class TicketSigner {
 public:
  // `key`: at least 32 unpredictable bytes.
  explicit TicketSigner(std::string key) : key_(std::move(key)) {}

  // Printable ASCII without characters that mean something in a URL. The ticket's texts are names.
  std::string Sign(const Ticket& ticket) const;

  // No value for what this key has not signed, in constant time. Does not look at the time.
  std::optional<Ticket> Verify(std::string_view text) const;

 private:
  std::string Mac(std::string_view content) const;

  std::string key_;
};

}  // namespace stagelog

#endif  // STAGELOG_HTTP_ACCESS_TICKET_H_
