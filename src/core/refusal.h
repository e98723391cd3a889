// Why a request was refused, as reported to the client (RFC 9457 problem details).
#ifndef STAGELOG_CORE_REFUSAL_H_
#define STAGELOG_CORE_REFUSAL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace stagelog {

// `code` is stable and in snake_case; http/problem.cc has the status that belongs to each.
struct Refusal {
  std::string code;
  std::string detail;  // one sentence for a person: what is wrong and what would be right
  std::string field;   // the key, parameter or header it is about; may be empty
  // Which part of a batch it is about. The decoder reports the position in the body: the line of an
  // NDJSON body, counted from 1, or the index in a JSON array, from 0. Checks of drafts know only
  // the ordinal of the draft, `line` counted from 1: see DecodedBody::Locate().
  std::optional<int64_t> line;
  std::optional<int64_t> index;
  // More members for the problem document: name and JSON value ("outcome", "\"unknown\"").
  std::vector<std::pair<std::string, std::string>> members;
};

}  // namespace stagelog

#endif  // STAGELOG_CORE_REFUSAL_H_
