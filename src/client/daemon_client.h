// The daemon's HTTP API as the commands use it.
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

// What a poll answers to `Accept: application/x-ndjson`.
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

  // `answer_seconds`: for how long an answer is waited for.
  explicit DaemonClient(const Settings& settings, int answer_seconds = kAnswerSeconds);
  ~DaemonClient();

  // An answer of whatever status; kUnreachable when there was none. `target` begins with '/' and
  // comes after the URL's own path. `wait_seconds`: how long the daemon may take on purpose (long
  // poll), beyond the usual time.
  CliResult<Answer> Get(const std::string& target, int wait_seconds = 0);
  CliResult<Answer> Post(const std::string& target, const std::string& body,
                         const std::string& content_type = "application/json");

  CliResult<Answer> Delete(const std::string& target);

  // The same; an answer that is no success is an error made by AsError().
  CliResult<Json> GetJson(const std::string& target, int wait_seconds = 0);
  CliResult<Json> PostJson(const std::string& target, const std::string& body,
                           const std::string& content_type = "application/json");

  // A page of a poll as the stored lines themselves, each with its newline.
  CliResult<LinePage> GetLines(const std::string& target, int wait_seconds = 0);

  // Reads an answer as it comes. `on_head` sees status and Content-Type, `on_bytes` what follows;
  // either ends the request by false. kUnreachable when the connection fails or is cut; a success
  // when the daemon ended the answer or a callback did. Nothing for `idle_seconds` is a failure.
  CliStatus Stream(const std::string& target, const RequestHeaders& headers, int idle_seconds,
                   const std::function<bool(int status, const std::string& content_type)>& on_head,
                   const std::function<bool(std::string_view bytes)>& on_bytes);

  // Ends what runs now and fails all that comes. Safe from any thread, not from a signal handler.
  void Stop();

  const std::string& url() const { return settings_.url; }

  // What an answer that is no success means: kRefused (kUnreachable for 502 to 504) with the
  // problem's detail, and for 401 and 403 what to do about it.
  CliError AsError(const Answer& answer) const;

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
