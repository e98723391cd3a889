// Where does a request end? The answer does not depend on how its bytes come in, and what is taken
// can be understood in one way only.
#include <optional>

#include "base/check.h"
#include "http/host_check.h"
#include "http/request_head.h"
#include "tests/fuzz/fuzz_target.h"

namespace stagelog {
namespace {

constexpr size_t kMaxHeadBytes = 2048;
constexpr size_t kMaxBodyBytes = 4096;

// What comes of bytes: a refusal, a request with its body and where it ends, or not enough.
struct Outcome {
  std::string refusal;
  std::string head;  // spelled anew
  std::string body;
  size_t used = 0;
  bool whole = false;
};

std::string Spelled(const RequestHead& head) {
  std::string text = head.request_line + "\r\n";
  for (const auto& [name, value] : head.fields) text += name + ": " + value + "\r\n";
  return text + "\r\n";
}

void CheckHead(const RequestHead& head, std::string_view bytes) {
  STAGELOG_CHECK(head.size <= bytes.size() && head.size <= kMaxHeadBytes);
  STAGELOG_CHECK(bytes.substr(head.size - 4, 4) == "\r\n\r\n");
  STAGELOG_CHECK(!(head.chunked && (head.has_length || head.content_length > 0)));
  STAGELOG_CHECK(head.has_length || head.content_length == 0);
  STAGELOG_CHECK(head.fields.size() <= kMaxHeaderFields);
  std::string all = head.request_line + head.authority;
  for (const auto& [name, value] : head.fields) {
    STAGELOG_CHECK(name.find_first_of(" \t:") == std::string::npos && !name.empty());
    all += name + value;
  }
  STAGELOG_CHECK(all.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
  // Its own spelling is read as the same head.
  const std::string spelled = Spelled(head);
  const auto again = ReadRequestHead(spelled, kMaxHeadBytes * 2);
  STAGELOG_CHECK(again && *again);
  CheckSameText("spelled again", Spelled(**again), spelled);
  STAGELOG_CHECK((*again)->content_length == head.content_length);
  STAGELOG_CHECK((*again)->chunked == head.chunked);
  STAGELOG_CHECK((*again)->keep_alive == head.keep_alive);
  static_cast<void>(IsAllowedHost(head.Field("Host").value_or(""), {"journal.example.org"}));
}

// Reads one request as the server does: with ever more bytes, `step` at a time.
Outcome ReadOne(std::string_view all, size_t step) {
  Outcome outcome;
  std::optional<RequestHead> head;
  std::optional<ChunkedReader> chunked;
  std::string input;
  size_t fed = 0;
  while (true) {
    if (!head) {
      auto read = ReadRequestHead(input, kMaxHeadBytes);
      if (!read) {
        outcome.refusal = read.error().code;
        return outcome;
      }
      if (*read) {
        head = std::move(**read);
        CheckHead(*head, input);
        outcome.head = Spelled(*head);
        outcome.used = head->size;
        input.erase(0, head->size);
        if (head->chunked) chunked.emplace(kMaxBodyBytes);
      }
    }
    if (head && chunked) {
      const auto used = chunked->Read(input, outcome.body);
      if (!used) {
        outcome.refusal = used.error().code;
        outcome.body.clear();  // how much of it was seen by then is nobody's business
        outcome.used = 0;
        return outcome;
      }
      STAGELOG_CHECK(*used <= input.size() && outcome.body.size() <= kMaxBodyBytes);
      outcome.used += *used;
      input.erase(0, *used);
      outcome.whole = chunked->done();
    } else if (head) {
      const size_t part =
          std::min<uint64_t>(input.size(), head->content_length - outcome.body.size());
      outcome.body.append(input, 0, part);
      outcome.used += part;
      input.erase(0, part);
      outcome.whole = outcome.body.size() == head->content_length;
    }
    if (outcome.whole || fed == all.size()) return outcome;
    const size_t size = std::min(step, all.size() - fed);
    input += all.substr(fed, size);
    fed += size;
  }
}

}  // namespace

STAGELOG_FUZZ_TARGET(framing) {
  const Outcome at_once = ReadOne(input, input.size() + 1);
  for (const size_t step : {size_t{1}, size_t{3}, size_t{17}}) {
    const Outcome in_pieces = ReadOne(input, step);
    // What is wrong in two ways may be told of either.
    if (in_pieces.refusal.empty() != at_once.refusal.empty()) {
      CheckSameText("refusal", in_pieces.refusal, at_once.refusal);
    }
    CheckSameText("head", in_pieces.head, at_once.head);
    CheckSameText("body", in_pieces.body, at_once.body);
    STAGELOG_CHECK(in_pieces.used == at_once.used && in_pieces.whole == at_once.whole);
  }
}

}  // namespace stagelog
