#include "client/daemon_client.h"

#include <httplib.h>

#include <algorithm>
#include <atomic>

#include "base/text.h"
#include "core/json_value.h"

namespace stagelog::cli {
namespace {

constexpr int kConnectSeconds = 5;

struct Address {
  std::string origin;  // http://host:port
  std::string prefix;  // its path
};

Address SplitUrl(const std::string& url) {
  const size_t path = url.find('/', url.find("://") + 3);
  if (path == std::string::npos) return {url, ""};
  return {url.substr(0, path), url.substr(path)};
}

httplib::Headers HeadersOf(const RequestHeaders& from) {
  httplib::Headers headers;
  for (const auto& [name, value] : from) headers.emplace(name, value);
  return headers;
}

Answer AnswerOf(const httplib::Response& response) {
  return {response.status, response.get_header_value("Content-Type"), response.body};
}

std::string WhyNot(httplib::Error error) {
  switch (error) {
    case httplib::Error::Connection:
      return "cannot connect";
    case httplib::Error::ConnectionTimeout:
      return "connection timed out";
    case httplib::Error::Read:
      return "no response, or an incomplete one";
    case httplib::Error::Write:
      return "the request could not be sent";
    case httplib::Error::SSLConnection:
    case httplib::Error::SSLLoadingCerts:
    case httplib::Error::SSLServerVerification:
      return "the TLS connection failed";
    default:
      return httplib::to_string(error);
  }
}

}  // namespace

class DaemonClient::Connection {
 public:
  explicit Connection(const std::string& origin) : client(origin) {}

  httplib::Client client;
  std::atomic<bool> stopped{false};
};

DaemonClient::DaemonClient(const Settings& settings, int answer_seconds)
    : settings_(settings), answer_seconds_(answer_seconds) {
  const Address address = SplitUrl(settings_.url);
  prefix_ = address.prefix;
  connection_ = std::make_unique<Connection>(address.origin);
  httplib::Client& client = connection_->client;
  client.set_connection_timeout(std::min(kConnectSeconds, answer_seconds_));
  client.set_write_timeout(answer_seconds_);
  client.set_keep_alive(true);
  client.set_tcp_nodelay(true);
  client.set_default_headers({{"Authorization", "Bearer " + settings_.token}});
}

DaemonClient::~DaemonClient() = default;

CliError DaemonClient::NoAnswer(const std::string& why) const {
  return {ExitCode::kUnreachable, "no daemon at " + settings_.url + ": " + why +
                                      " (start one with stagelogd, or set --url or STAGELOG_URL)"};
}

// Sends what `send` does with the library's client, unless this client was stopped.
template <typename Send>
auto DaemonClient::Exchange(int read_seconds, Send send) {
  using Exchanged = CliResult<httplib::Response>;
  if (connection_->stopped) return Exchanged(tl::unexpected(NoAnswer("stopped")));
  connection_->client.set_read_timeout(read_seconds);
  httplib::Result result = send(connection_->client);
  if (!result) return Exchanged(tl::unexpected(NoAnswer(WhyNot(result.error()))));
  return Exchanged(std::move(*result));
}

CliResult<Answer> DaemonClient::Get(const std::string& target, int wait_seconds) {
  return Exchange(answer_seconds_ + wait_seconds,
                  [&](httplib::Client& client) { return client.Get(prefix_ + target); })
      .map(AnswerOf);
}

CliResult<Answer> DaemonClient::Post(const std::string& target, const std::string& body,
                                     const std::string& content_type) {
  return Exchange(answer_seconds_,
                  [&](httplib::Client& client) {
                    return client.Post(prefix_ + target, body, content_type);
                  })
      .map(AnswerOf);
}

CliResult<Answer> DaemonClient::Delete(const std::string& target) {
  return Exchange(answer_seconds_,
                  [&](httplib::Client& client) { return client.Delete(prefix_ + target); })
      .map(AnswerOf);
}

CliResult<Json> DaemonClient::JsonOf(const CliResult<Answer>& answer) const {
  if (!answer) return tl::unexpected(answer.error());
  if (!answer->ok()) return tl::unexpected(AsError(*answer));
  Json json = ParseOrderedJson(answer->body);
  if (json.is_discarded()) return tl::unexpected(NotADaemon());
  return json;
}

CliResult<Json> DaemonClient::GetJson(const std::string& target, int wait_seconds) {
  return JsonOf(Get(target, wait_seconds));
}

CliResult<Json> DaemonClient::PostJson(const std::string& target, const std::string& body,
                                       const std::string& content_type) {
  return JsonOf(Post(target, body, content_type));
}

CliStatus DaemonClient::Stream(
    const std::string& target, const RequestHeaders& headers, int idle_seconds,
    const std::function<bool(int status, const std::string& content_type)>& on_head,
    const std::function<bool(std::string_view bytes)>& on_bytes) {
  if (connection_->stopped) return tl::unexpected(NoAnswer("stopped"));
  connection_->client.set_read_timeout(idle_seconds);
  bool ended_by_us = false;
  bool saw_head = false;
  const httplib::Result result = connection_->client.Get(
      prefix_ + target, HeadersOf(headers),
      [&](const httplib::Response& response) {
        saw_head = true;
        const bool goes_on = on_head(response.status, response.get_header_value("Content-Type"));
        ended_by_us = !goes_on;
        return goes_on;
      },
      [&](const char* bytes, size_t size) {
        const bool goes_on = on_bytes({bytes, size});
        ended_by_us = !goes_on;
        return goes_on;
      });
  if (!result && !ended_by_us) return tl::unexpected(NoAnswer(WhyNot(result.error())));
  // The library shows no head of an answer that has no body (204).
  if (result && !saw_head) on_head(result->status, result->get_header_value("Content-Type"));
  return {};
}

CliResult<LinePage> DaemonClient::GetLines(const std::string& target, int wait_seconds) {
  auto result = Exchange(answer_seconds_ + wait_seconds, [&](httplib::Client& client) {
    return client.Get(prefix_ + target, {{"Accept", "application/x-ndjson"}});
  });
  if (!result) return tl::unexpected(result.error());
  if (const Answer answer = AnswerOf(*result); !answer.ok()) {
    return tl::unexpected(AsError(answer));
  }
  const std::string next = result->get_header_value("Stagelog-Next-After");
  if (next.empty()) return tl::unexpected(NotADaemon());
  return LinePage{std::move(result->body), std::strtoll(next.c_str(), nullptr, 10),
                  result->get_header_value("Stagelog-Has-More") == "true"};
}

CliResult<Json> DaemonClient::DocumentIn(const Answer& answer, const char* key) const {
  if (!answer.ok()) return tl::unexpected(AsError(answer));
  Json document = ParseOrderedJson(answer.body);
  if (!document.is_object() || !document.contains(key)) return tl::unexpected(NotADaemon());
  return document;
}

CliError DaemonClient::NotADaemon() const {
  return {ExitCode::kUnreachable, settings_.url + " responds, but not like a stagelog daemon"};
}

void DaemonClient::Stop() {
  connection_->stopped = true;
  connection_->client.stop();
}

CliError DaemonClient::AsError(const Answer& answer) const {
  const Json problem = ParseOrderedJson(answer.body);
  const bool is_problem = problem.is_object() && problem.contains("code");
  if (answer.status >= 502 && answer.status <= 504) {
    return {ExitCode::kUnreachable, settings_.url + " answers " + std::to_string(answer.status) +
                                        (is_problem ? ": " + TextAt(problem, "detail")
                                                    : ": the proxy has no daemon behind it")};
  }
  if (!is_problem) {
    return {ExitCode::kRefused, settings_.url + " answers " + std::to_string(answer.status) +
                                    ", but not like a stagelog daemon"};
  }
  std::string message = TextAt(problem, "detail");
  if (message.empty()) message = TextAt(problem, "title");
  message += " (" + std::to_string(answer.status) + " " + TextAt(problem, "code") + ")";
  if (answer.status == 401) {
    message += settings_.token_is_default
                   ? "; no token is set: use STAGELOG_TOKEN or `token:` in the settings file"
                   : "; check STAGELOG_TOKEN, --token or the settings file";
  }
  return {ExitCode::kRefused, message};
}

std::string EscapeParameter(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_plain = IsAlphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~';
    if (is_plain) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

std::string JobTarget(const std::string& job_id) {
  return "/api/v1/jobs/" + EscapeParameter(job_id);
}

}  // namespace stagelog::cli
