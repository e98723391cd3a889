#include "follow/webhook/http_sender.h"

#include <curl/curl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "follow/webhook/public_address.h"

namespace stagelog {
namespace {

constexpr size_t kMaxText = 1024;             // of an answer's body that is kept
constexpr size_t kMaxBody = size_t{1} << 20;  // of one that is read at all
constexpr int64_t kMaxRetryAfterSeconds = 86'400;

void StartCurl() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  STAGELOG_CHECK(started == CURLE_OK);
}

// Digits alone; of more than nine of them, the largest that nine digits can say.
std::optional<int64_t> WholeNumber(std::string_view text) {
  constexpr size_t kMaxDigits = 9;
  if (text.empty() || !std::all_of(text.begin(), text.end(), IsDigit)) return std::nullopt;
  return text.size() > kMaxDigits ? 999'999'999 : std::stoll(std::string(text));
}

// Seconds, or a date (RFC 9110, section 10.2.3).
int64_t SecondsOfRetryAfter(std::string_view value) {
  const std::string text(value);
  int64_t seconds = -1;
  if (const auto number = WholeNumber(text)) {
    seconds = *number;
  } else if (const time_t at = curl_getdate(text.c_str(), nullptr); at != -1) {
    seconds =
        std::max<int64_t>(0, static_cast<int64_t>(at) - static_cast<int64_t>(::time(nullptr)));
  }
  return std::min(seconds, kMaxRetryAfterSeconds);
}

}  // namespace

std::string HostOfUrl(const std::string& url) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), &curl_url_cleanup);
  char* host = nullptr;
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK ||
      curl_url_get(parsed.get(), CURLUPART_HOST, &host, 0) != CURLUE_OK) {
    return "";
  }
  std::string text(host);
  curl_free(host);
  return text;
}

std::optional<std::string> UnusableUrlReason(const std::string& url) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), &curl_url_cleanup);
  const CURLUcode code = curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0);
  if (code != CURLUE_OK) return "is no URL: " + LowerCase(curl_url_strerror(code));
  const std::string host = HostOfUrl(url);
  const bool is_address = host.starts_with('[');
  const bool is_name = std::all_of(host.begin(), host.end(), [](char c) {
    return IsAlphanumeric(c) || c == '.' || c == '-' || c == '_';
  });
  if (host.empty() || (!is_address && !is_name)) return "names no host that there can be";
  return std::nullopt;
}

struct HttpSender::Transfer {
  ~Transfer() {
    if (easy != nullptr) curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
    curl_slist_free_all(resolved);
  }

  uint64_t number = 0;
  OutgoingRequest request;
  Done done;
  OutgoingAnswer answer;
  bool allow_private = false;
  bool is_cut = false;       // the body was longer than is read
  std::string refused_host;  // an address that is not to be dialled
  size_t body_bytes = 0;
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  curl_slist* resolved = nullptr;
  std::string error = std::string(CURL_ERROR_SIZE, '\0');

  static curl_socket_t OpenSocket(void* self, curlsocktype, curl_sockaddr* address) {
    auto& transfer = *static_cast<Transfer*>(self);
    if (!transfer.allow_private && !IsPublicAddress(address->addr)) {
      transfer.answer.was_refused = true;
      return CURL_SOCKET_BAD;
    }
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  }

  static size_t TakeBody(char* bytes, size_t, size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    transfer.body_bytes += count;
    std::string& text = transfer.answer.text;
    text.append(bytes, std::min(count, kMaxText - std::min(kMaxText, text.size())));
    transfer.is_cut = transfer.body_bytes > kMaxBody;
    return transfer.is_cut ? 0 : count;
  }

  static size_t TakeHeader(char* bytes, size_t, size_t count, void* self) {
    OutgoingAnswer& answer = static_cast<Transfer*>(self)->answer;
    const std::string_view line(bytes, count);
    const size_t colon = line.find(':');
    if (colon == line.npos) return count;
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = Trimmed(line.substr(colon + 1));
    if (EqualsIgnoringCase(name, "retry-after")) {
      answer.retry_after_seconds = SecondsOfRetryAfter(value);
    } else if (EqualsIgnoringCase(name, "webhook-allowed-origin")) {
      answer.allowed_origin = value;
    } else if (EqualsIgnoringCase(name, "webhook-allowed-rate")) {
      answer.allowed_rate = WholeNumber(value).value_or(0);
    }
    return count;
  }
};

HttpSender::HttpSender(Options options) : options_(std::move(options)) {
  StartCurl();
  wake_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  STAGELOG_CHECK(wake_.get() >= 0);
  multi_ = curl_multi_init();
  STAGELOG_CHECK(multi_ != nullptr);
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(options_.kept_connections));
}

HttpSender::~HttpSender() {
  for (const auto& [number, transfer] : transfers_)
    curl_multi_remove_handle(multi_, transfer->easy);
  transfers_.clear();
  curl_multi_cleanup(multi_);
}

uint64_t HttpSender::Send(OutgoingRequest request, Done done) {
  auto transfer = std::make_unique<Transfer>();
  transfer->number = next_number_++;
  transfer->request = std::move(request);
  transfer->done = std::move(done);
  transfer->allow_private = options_.allow_private;
  CURL* easy = transfer->easy = curl_easy_init();
  STAGELOG_CHECK(easy != nullptr);
  for (const std::string& header : transfer->request.headers) {
    transfer->headers = curl_slist_append(transfer->headers, header.c_str());
  }
  transfer->headers = curl_slist_append(transfer->headers, "Expect:");
  for (const std::string& name : options_.resolved) {
    transfer->resolved = curl_slist_append(transfer->resolved, name.c_str());
  }
  if (transfer->resolved != nullptr) {
    curl_easy_setopt(easy, CURLOPT_RESOLVE, transfer->resolved);
  }
  curl_easy_setopt(easy, CURLOPT_URL, transfer->request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, transfer->request.method.c_str());
  if (transfer->request.method == "POST") {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer->request.body.c_str());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(transfer->request.body.size()));
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "stagelog");
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  // A resolver that hangs is left alone, not waited for.
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout_ms));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout_ms));
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  if (!options_.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, options_.ca_file.c_str());
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &Transfer::OpenSocket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer.get());
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Transfer::TakeBody);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer.get());
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &Transfer::TakeHeader);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer.get());
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error.data());
  curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer.get());
  const uint64_t number = transfer->number;
  STAGELOG_CHECK(curl_multi_add_handle(multi_, easy) == CURLM_OK);
  transfers_.emplace(number, std::move(transfer));
  return number;
}

void HttpSender::Drop(uint64_t number) {
  const auto found = transfers_.find(number);
  if (found == transfers_.end()) return;
  curl_multi_remove_handle(multi_, found->second->easy);
  transfers_.erase(found);
}

void HttpSender::AbandonAll(const std::string& problem) {
  for (auto& [number, transfer] : std::exchange(transfers_, {})) {
    curl_multi_remove_handle(multi_, transfer->easy);
    OutgoingAnswer answer;
    answer.problem = problem;
    answer.is_abandoned = true;
    transfer->done(std::move(answer));
  }
}

void HttpSender::Run(int64_t timeout_ms) {
  int running = 0;
  curl_multi_perform(multi_, &running);
  const auto finish_all = [this] {
    bool any = false;
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      any = true;
      Finish(message->easy_handle, static_cast<int>(message->data.result));
    }
    return any;
  };
  if (finish_all()) return;
  constexpr int64_t kLongestMillis = 1'000'000;
  const int64_t wait = timeout_ms < 0 ? kLongestMillis : std::min(timeout_ms, kLongestMillis);
  curl_waitfd woken{.fd = wake_.get(), .events = CURL_WAIT_POLLIN, .revents = 0};
  curl_multi_poll(multi_, &woken, 1, static_cast<int>(wait), nullptr);
  uint64_t count = 0;
  static_cast<void>(!::read(wake_.get(), &count, sizeof(count)));
  curl_multi_perform(multi_, &running);
  finish_all();
}

void HttpSender::Wake() {
  const uint64_t one = 1;
  static_cast<void>(!::write(wake_.get(), &one, sizeof(one)));
}

// Calls whoever waits for the request that has ended.
void HttpSender::Finish(void* easy, int code) {
  Transfer* ended = nullptr;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &ended);
  const auto found = transfers_.find(ended->number);
  const std::unique_ptr<Transfer> transfer = std::move(found->second);
  transfers_.erase(found);
  OutgoingAnswer& answer = transfer->answer;
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  const char* address = nullptr;
  curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &address);
  const bool is_public =
      address != nullptr && IsPublicAddress(std::string(address)).value_or(false);
  // What servers within the own network say is no business of whoever makes webhooks.
  if (!is_public) answer.text.clear();
  answer.status = static_cast<int>(status);
  if (answer.was_refused && code != CURLE_OK && status == 0) {
    answer.problem =
        "the address is not public; set webhooks.allow_private in the configuration to allow it";
  } else {
    answer.was_refused = false;
    if (code != CURLE_OK && !transfer->is_cut) {
      answer.status = 0;
      const std::string_view text = transfer->error.c_str();
      answer.problem = text.empty() ? curl_easy_strerror(static_cast<CURLcode>(code)) : text;
    }
  }
  curl_multi_remove_handle(multi_, easy);
  transfer->done(std::move(answer));
}

}  // namespace stagelog
