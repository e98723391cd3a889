// A client of the daemon's HTTP API for the commands.
#ifndef STAGELOG_CLIENT_DAEMON_CLIENT_H_
#define STAGELOG_CLIENT_DAEMON_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/exit_code.h"
#include "client/json_member.h"
#include "client/settings.h"

namespace stagelog::cli {

struct Answer {
  int status = 0;
  std::string content_type;
  std::string body;

  bool ok() const { return status >= 200 && status < 300; }
};

// A page of a poll with `Accept: application/x-ndjson`.
struct LinePage {
  std::string lines;
  int64_t next_after = 0;
  bool has_more = false;
};

using RequestHeaders = std::vector<std::pair<std::string, std::string>>;

// One connection, kept between requests. One thread at a time, but for Stop().
class DaemonClient {
 public:
  static constexpr int kAnswerSeconds = 30;

  // `answer_seconds`: the time to wait for an answer.
  explicit DaemonClient(const Settings& settings, int answer_seconds = kAnswerSeconds);
  ~DaemonClient();

  // Returns an answer of any status; kUnreachable if there is none. `target` begins with '/' and is
  // appended to the URL's path. `wait_seconds`: how long the daemon may delay the answer (long
  // poll), in addition to the usual time.
  CliResult<Answer> Get(const std::string& target, int wait_seconds = 0);
  CliResult<Answer> Post(const std::string& target, const std::string& body,
                         const std::string& content_type = "application/json");

  CliResult<Answer> Delete(const std::string& target);

  // The same; an unsuccessful answer becomes an error by AsError().
  CliResult<Json> GetJson(const std::string& target, int wait_seconds = 0);
  CliResult<Json> PostJson(const std::string& target, const std::string& body,
                           const std::string& content_type = "application/json");

  // A page of a poll as the stored lines themselves, each with its newline.
  CliResult<LinePage> GetLines(const std::string& target, int wait_seconds = 0);

  // Reads an answer incrementally. `on_head` receives status and Content-Type, `on_bytes` the body;
  // either ends the request by returning false. kUnreachable if the connection fails or is cut;
  // success if the daemon ended the answer or a callback did. A pause of `idle_seconds` is a
  // failure.
  CliStatus Stream(const std::string& target, const RequestHeaders& headers, int idle_seconds,
                   const std::function<bool(int status, const std::string& content_type)>& on_head,
                   const std::function<bool(std::string_view bytes)>& on_bytes);

  // Aborts a running request and fails later ones. Safe from any thread, not from a signal handler.
  void Stop();

  const std::string& url() const { return settings_.url; }

  // Converts an unsuccessful answer: kRefused (kUnreachable for 502 to 504) with the problem's
  // detail, and for 401 and 403 with advice.
  CliError AsError(const Answer& answer) const;

  // The object in a 2xx answer, where it has `key`: another server in the daemon's place may answer
  // 200 as well. Else AsError(), or kUnreachable.
  CliResult<Json> DocumentIn(const Answer& answer, const char* key) const;

 private:
  class Connection;

  template <typename Send>
  auto Exchange(int read_seconds, Send send);
  CliResult<Json> JsonOf(const CliResult<Answer>& answer) const;
  CliError NotADaemon() const;
  CliError NoAnswer(const std::string& why) const;

  Settings settings_;
  const int answer_seconds_;
  std::string prefix_;  // of the URL, before every target
  std::unique_ptr<Connection> connection_;
};

// `text` with everything but unreserved characters (RFC 3986) as %XX; '/' too.
std::string EscapeParameter(std::string_view text);

// "/api/v1/jobs/<job>".
std::string JobTarget(const std::string& job_id);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_DAEMON_CLIENT_H_
