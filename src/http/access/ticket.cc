#include "http/access/ticket.h"

#include <openssl/crypto.h>

#include <array>
#include <charconv>

#include "base/base64.h"
#include "base/signing.h"

namespace stagelog {
namespace {

constexpr size_t kMaxTicketBytes = 1'024;
constexpr std::string_view kVersion = "1";

std::string ContentOf(const Ticket& ticket) {
  std::string content(kVersion);
  for (const std::string& field : {ticket.token_name, ticket.fingerprint, ticket.scope,
                                   std::string(ticket.may_append ? "append" : "read"),
                                   std::to_string(ticket.expires_at_micros)}) {
    content += '\n' + field;
  }
  return content;
}

std::optional<Ticket> TicketOf(std::string_view content) {
  std::array<std::string_view, 6> fields;
  for (size_t i = 0; i < fields.size(); ++i) {
    const size_t end = content.find('\n');
    const bool is_last = i + 1 == fields.size();
    if ((end == std::string_view::npos) != is_last) return std::nullopt;
    fields[i] = content.substr(0, end);
    content.remove_prefix(is_last ? content.size() : end + 1);
  }
  if (fields[0] != kVersion) return std::nullopt;
  Ticket ticket{.token_name = std::string(fields[1]),
                .fingerprint = std::string(fields[2]),
                .scope = std::string(fields[3]),
                .may_append = fields[4] == "append"};
  const std::string_view expires = fields[5];
  const auto [end, error] =
      std::from_chars(expires.data(), expires.data() + expires.size(), ticket.expires_at_micros);
  if (error != std::errc()) return std::nullopt;
  return ticket;
}

}  // namespace

std::string TicketSigner::Mac(std::string_view content) const {
  return HmacSha256(key_, "stagelog ticket\n" + std::string(content));
}

std::string TicketSigner::Sign(const Ticket& ticket) const {
  const std::string content = ContentOf(ticket);
  return std::string(kTicketPrefix) + Base64Url(content) + "." + Base64Url(Mac(content));
}

std::optional<Ticket> TicketSigner::Verify(std::string_view text) const {
  if (!text.starts_with(kTicketPrefix) || text.size() > kMaxTicketBytes) return std::nullopt;
  text.remove_prefix(kTicketPrefix.size());
  const size_t dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto content = DecodeBase64Url(text.substr(0, dot));
  const auto mac = DecodeBase64Url(text.substr(dot + 1));
  if (!content || !mac) return std::nullopt;
  const std::string expected = Mac(*content);
  if (mac->size() != expected.size()) return std::nullopt;
  if (CRYPTO_memcmp(mac->data(), expected.data(), expected.size()) != 0) return std::nullopt;
  return TicketOf(*content);
}

}  // namespace stagelog
