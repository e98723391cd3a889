// What a webhook is signed with, which addresses it may have, and what is next for a receiver.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "follow/webhook/commit_feed.h"
#include "follow/webhook/http_sender.h"
#include "follow/webhook/public_address.h"
#include "follow/webhook/webhook_receiver.h"
#include "follow/webhook/webhook_signature.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tls_certificate.h"
#include "tests/support/webhook_target.h"

namespace stagelog::webhook_parts_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// The example of the specification's reference libraries.
TEST(WebhookSignatureTest, IsThatOfTheSpecification) {
  const std::vector<std::string> headers =
      SignatureHeaders(WebhookSigning::kHmac, {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
                       "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, R"({"test": 2432232314})");
  EXPECT_THAT(headers, ElementsAre("webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek",
                                   "webhook-timestamp: 1614265330",
                                   "webhook-signature: "
                                   "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
}

TEST(WebhookSignatureTest, OneForEachSecret) {
  const std::string one = MakeWebhookSecret(WebhookSigning::kEd25519);
  const std::string other = MakeWebhookSecret(WebhookSigning::kEd25519);
  EXPECT_THAT(one, StartsWith("whsk_"));
  EXPECT_THAT(VerifyingKey(WebhookSigning::kEd25519, one), StartsWith("whpk_"));
  const auto headers = SignatureHeaders(WebhookSigning::kEd25519, {one, other}, "id", 1, "{}");
  EXPECT_THAT(headers[2], HasSubstr(" v1a,"));
  EXPECT_EQ(MessageIdOf("a", "job", "event"), MessageIdOf("a", "job", "event"));
  EXPECT_NE(MessageIdOf("a", "job", "event"), MessageIdOf("b", "job", "event"));
  EXPECT_NE(MessageIdOf("a", "job", "event"), MessageIdOf("a", "job", "event", 1));
}

TEST(PublicAddressTest, WhatIsNobodysBusiness) {
  for (const char* host : {"127.0.0.1",
                           "127.1",
                           "0x7f000001",
                           "2130706433",
                           "0177.0.0.1",
                           "0.0.0.0",
                           "10.1.2.3",
                           "100.64.0.1",
                           "169.254.169.254",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.168.1.1",
                           "192.0.2.1",
                           "198.18.0.1",
                           "224.0.0.1",
                           "255.255.255.255",
                           "[::1]",
                           "[::]",
                           "[fe80::1]",
                           "[fe80::1%eth0]",
                           "[fc00::1]",
                           "[fd12::1]",
                           "[::ffff:127.0.0.1]",
                           "[::ffff:8.8.8.8]",
                           "[64:ff9b::7f00:1]",
                           "[64:ff9b:1::1]",
                           "[2002:7f00:1::]",
                           "[2001:0:1::1]",
                           "[2001:db8::1]",
                           "[ff02::1]",
                           "[::127.0.0.1]",
                           "[3fff::1]"}) {
    EXPECT_EQ(IsPublicAddress(std::string(host)), std::optional<bool>(false)) << host;
  }
  for (const char* host : {"8.8.8.8", "172.32.0.1", "100.128.0.1", "193.0.0.1", "[2606:4700::1]",
                           "[2a00:1450::1]", "198.20.0.1"}) {
    EXPECT_EQ(IsPublicAddress(std::string(host)), std::optional<bool>(true)) << host;
  }
  for (const char* host : {"example.org", "localhost", "1.2.3.4.example.org"}) {
    EXPECT_EQ(IsPublicAddress(std::string(host)), std::nullopt) << host;
  }
}

// --- Sending

OutgoingAnswer AnswerOf(HttpSender& sender, const std::string& url) {
  std::optional<OutgoingAnswer> got;
  sender.Send({.url = url, .headers = {}, .body = "{}"},
              [&got](OutgoingAnswer answer) { got = std::move(answer); });
  while (!got) sender.Run(1'000);
  return std::move(*got);
}

TEST(HttpSenderTest, ANameIsJudgedByWhereItLeads) {
  WebhookTarget target;
  const std::string port = std::to_string(target.port());
  HttpSender::Options options;
  options.resolved = {"rebound.example:" + port + ":127.0.0.1",
                      "mapped.example:" + port + ":[::ffff:127.0.0.1]"};
  HttpSender sender(options);
  for (const char* name : {"rebound.example", "mapped.example"}) {
    const OutgoingAnswer answer =
        AnswerOf(sender, "http://" + std::string(name) + ":" + port + "/");
    EXPECT_EQ(answer.status, 0);
    EXPECT_TRUE(answer.was_refused);
    EXPECT_THAT(answer.problem, HasSubstr("allow_private"));
  }
  EXPECT_THAT(target.WaitForAttempts(1, std::chrono::seconds(0)), IsEmpty());
  options.allow_private = true;
  HttpSender allowed(options);
  EXPECT_EQ(AnswerOf(allowed, "http://rebound.example:" + port + "/").status, 200);
}

TEST(HttpSenderTest, ProxiesOfTheEnvironmentAreNotAsked) {
  WebhookTarget target;
  WebhookTarget proxy;
  for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"}) {
    ::setenv(name, proxy.Url("").c_str(), 1);
  }
  HttpSender sender({.allow_private = true});
  EXPECT_EQ(AnswerOf(sender, target.Url()).status, 200);
  EXPECT_THAT(proxy.WaitForAttempts(1, std::chrono::seconds(0)), IsEmpty());
  for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"}) ::unsetenv(name);
}

TEST(HttpSenderTest, WhatIsNoAnswerIsAProblem) {
  // Each connection gets a few bytes that are no HTTP, and the end.
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener.get(), 10), 0);
  ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string host = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  std::thread garbage([&listener] {
    for (int i = 0; i < 2; ++i) {
      const UniqueFd client(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      char bytes[4096];
      EXPECT_GT(::recv(client.get(), bytes, sizeof(bytes), 0), 0);
      EXPECT_EQ(::send(client.get(), "SSH-2.0-x\r\n", 11, MSG_NOSIGNAL), 11);
    }
  });
  HttpSender sender({.allow_private = true, .timeout_ms = 5'000});
  const OutgoingAnswer plain = AnswerOf(sender, "http://" + host + "/");
  EXPECT_EQ(plain.status, 0);
  EXPECT_FALSE(plain.problem.empty());
  const OutgoingAnswer tls = AnswerOf(sender, "https://" + host + "/");
  EXPECT_EQ(tls.status, 0);
  EXPECT_FALSE(tls.problem.empty());
  garbage.join();
}

// What a sender that trusts `trusted` makes of a receiver at https://hook.example with `shown`.
OutgoingAnswer AnswerOverTls(const TlsCertificate& shown, const TlsCertificate& trusted) {
  const TemporaryDirectory directory;
  const std::string ca_file = directory.Path("ca.pem");
  std::ofstream(ca_file) << trusted.Pem();
  httplib::SSLServer server(shown.certificate(), shown.key());
  server.set_keep_alive_timeout(1);
  int requests = 0;
  server.Post(".*", [&requests](const httplib::Request&, httplib::Response&) { ++requests; });
  const std::string port = std::to_string(server.bind_to_any_port("127.0.0.1"));
  std::thread thread([&server] { server.listen_after_bind(); });
  while (!server.is_running()) std::this_thread::yield();  // stop() does nothing before
  HttpSender sender({.allow_private = true,
                     .ca_file = ca_file,
                     .resolved = {"hook.example:" + port + ":127.0.0.1"}});
  const OutgoingAnswer answer = AnswerOf(sender, "https://hook.example:" + port + "/");
  server.stop();
  thread.join();
  EXPECT_EQ(requests, answer.status == 200 ? 1 : 0) << "nothing is sent before it is trusted";
  return answer;
}

TEST(HttpSenderTest, CertificatesAreChecked) {
  constexpr long kDay = 86'400;
  const TlsCertificate good("hook.example", -kDay, kDay);
  EXPECT_EQ(AnswerOverTls(good, good).status, 200);
  const TlsCertificate stranger("hook.example", -kDay, kDay);
  EXPECT_THAT(AnswerOverTls(stranger, good).problem, HasSubstr("self-signed certificate"));
  const TlsCertificate expired("hook.example", -2 * kDay, -kDay);
  EXPECT_THAT(AnswerOverTls(expired, expired).problem, HasSubstr("certificate has expired"));
  const TlsCertificate early("hook.example", kDay, 2 * kDay);
  EXPECT_THAT(AnswerOverTls(early, early).problem, HasSubstr("not yet valid"));
  const TlsCertificate other("other.example", -kDay, kDay);
  EXPECT_THAT(AnswerOverTls(other, other).problem, HasSubstr("hook.example"));
}

// --- Receivers

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kHour = 3'600 * kSecond;

class WebhookReceiverTest : public ::testing::Test {
 protected:
  WebhookReceiverTest() : receiver_(StoredWebhook(), /*reads_all=*/false) { receiver_.SetLive(); }

  void Offer(int64_t seq, const std::string& job) {
    EXPECT_TRUE(receiver_.Offer(seq, job, "{}", now_));
  }

  // The seq of what is sent next; 0: nothing now, -1: something is to be read.
  int64_t Take() {
    lane_ = receiver_.TakeLane(now_);
    if (lane_ == nullptr) return 0;
    return lane_->events.empty() ? -1 : lane_->events.front().seq;
  }

  // The same where each lane has one event: it is read when it has to be.
  int64_t TakeRead() {
    const int64_t seq = Take();
    if (seq >= 0) return seq;
    std::deque<QueuedEvent> events;
    events.push_back({.seq = lane_->through_seq});
    receiver_.OnRead(*lane_, std::move(events), lane_->through_seq, now_);
    return TakeRead();
  }

  void Deliver() { receiver_.OnDelivered(*lane_, now_, now_); }
  bool Fail(WebhookFailure failure, int64_t retry_after = 0) {
    return receiver_.OnFailed(*lane_, failure, retry_after, now_, now_);
  }

  // Sends everything that can be sent, in the order of its going.
  std::vector<int64_t> DeliverAll() {
    std::vector<int64_t> seqs;
    while (const int64_t seq = TakeRead()) {
      seqs.push_back(seq);
      Deliver();
    }
    return seqs;
  }

  WebhookReceiver receiver_;
  WebhookLane* lane_ = nullptr;
  int64_t now_ = 100 * kHour;
};

TEST_F(WebhookReceiverTest, AJobInOrderOthersBeside) {
  Offer(1, "a");
  EXPECT_THAT(DeliverAll(), ElementsAre(1));
  Offer(2, "a");
  Offer(3, "b");
  Offer(4, "a");
  EXPECT_EQ(Take(), 2);
  WebhookLane* first = lane_;
  EXPECT_EQ(Take(), 3);  // 4 waits for 2
  Deliver();
  EXPECT_EQ(Take(), 0);
  lane_ = first;
  Deliver();
  EXPECT_EQ(Take(), 4);
  EXPECT_EQ(receiver_.FirstPendingSeq(), 4);
  Deliver();
  EXPECT_EQ(receiver_.FirstPendingSeq(), INT64_MAX);
  EXPECT_EQ(receiver_.lane_count(), 0);
}

TEST_F(WebhookReceiverTest, OneThatIsNotKnownGetsOneAtATime) {
  Offer(1, "a");
  Offer(2, "b");
  EXPECT_EQ(Take(), 1);
  WebhookLane* first = lane_;
  EXPECT_EQ(Take(), 0);
  lane_ = first;
  Deliver();
  EXPECT_EQ(Take(), 2);
}

TEST_F(WebhookReceiverTest, WhatIsRejectedHoldsUpItsJobOnly) {
  Offer(1, "a");
  Offer(2, "b");
  Offer(3, "a");
  EXPECT_EQ(Take(), 1);
  EXPECT_FALSE(Fail(WebhookFailure::kRejected));
  EXPECT_THAT(DeliverAll(), ElementsAre(2));
  now_ += kSecond;
  EXPECT_THAT(DeliverAll(), ElementsAre(1, 3));
}

TEST_F(WebhookReceiverTest, WhatIsRejectedForADayIsGivenUp) {
  Offer(1, "a");
  Offer(2, "a");
  int attempts = 0;
  const int64_t begun = now_;
  for (bool is_over = false; !is_over; now_ = receiver_.NextDueMicros()) {
    ASSERT_EQ(Take(), 1);
    ++attempts;
    is_over = Fail(WebhookFailure::kRejected);
  }
  EXPECT_GE(now_ - begun, 24 * kHour);
  EXPECT_LE(now_ - begun, 26 * kHour);
  EXPECT_GT(attempts, 20);  // quick at first, then every half hour to hour
  EXPECT_LT(attempts, 70);
  EXPECT_THAT(DeliverAll(), ElementsAre(2));
}

TEST_F(WebhookReceiverTest, WhatCanNeverBeTakenIsGivenUpAtOnce) {
  Offer(1, "a");
  Offer(2, "a");
  EXPECT_EQ(Take(), 1);
  EXPECT_TRUE(Fail(WebhookFailure::kFinal));
  EXPECT_THAT(DeliverAll(), ElementsAre(2));
}

TEST_F(WebhookReceiverTest, NothingIsGivenUpWhileNobodyIsThere) {
  Offer(1, "a");
  Offer(2, "b");
  const int64_t begun = now_;
  int attempts = 0;
  while (now_ - begun < 72 * kHour) {
    now_ = std::max(now_, receiver_.NextDueMicros());
    ASSERT_NE(Take(), 0);
    ++attempts;
    EXPECT_FALSE(Fail(WebhookFailure::kUnreachable));
    EXPECT_TRUE(!receiver_.IsUnreachable() || Take() == 0);  // one at a time
  }
  EXPECT_TRUE(receiver_.IsUnreachable());
  EXPECT_LT(attempts, 72 * 3600 / 150 + 20);  // a probe each 2.5 to 5 minutes
  now_ = receiver_.NextDueMicros();
  const std::vector<int64_t> seqs = DeliverAll();  // it is back: all at once
  EXPECT_THAT(seqs, ::testing::UnorderedElementsAre(1, 2));
}

TEST_F(WebhookReceiverTest, AnEventThatAlwaysFailsIsTriedEverMoreRarely) {
  Offer(1, "poison");
  const int64_t begun = now_;
  int64_t seq = 2;
  int attempts = 0;
  bool is_given_up = false;
  while (!is_given_up && now_ - begun < 30 * kHour) {
    // Others are taken all the time.
    ++seq;
    Offer(seq, "job-" + std::to_string(seq));
    while (const int64_t next = TakeRead()) {
      if (next != 1) {
        Deliver();
        continue;
      }
      ++attempts;
      is_given_up = Fail(WebhookFailure::kUnreachable);
    }
    now_ += 10 * kSecond;
  }
  EXPECT_TRUE(is_given_up);
  EXPECT_GE(now_ - begun, 24 * kHour);
  EXPECT_LT(attempts, 24 * 3600 / 150 + 20);
}

TEST_F(WebhookReceiverTest, AnEventThatItCannotTakeHoldsUpNoOther) {
  Offer(1, "poison");
  for (int i = 0; i < 20; ++i) {
    now_ = std::max(now_, receiver_.NextDueMicros());
    ASSERT_EQ(TakeRead(), 1);
    EXPECT_FALSE(Fail(WebhookFailure::kServerError));
    EXPECT_FALSE(receiver_.IsUnreachable());
  }
  Offer(2, "other");
  EXPECT_THAT(DeliverAll(), ElementsAre(2));  // at once
  EXPECT_GT(receiver_.NextDueMicros(), now_ + 100 * kSecond);
}

TEST_F(WebhookReceiverTest, ServerErrorsOfSeveralJobsAreThoseOfTheReceiver) {
  for (int64_t seq = 1; seq <= 4; ++seq) Offer(seq, "job-" + std::to_string(seq));
  for (int i = 0; i < 5; ++i) {
    now_ = std::max(now_, receiver_.NextDueMicros());
    ASSERT_NE(TakeRead(), 0);
    EXPECT_FALSE(Fail(WebhookFailure::kServerError));
  }
  EXPECT_TRUE(receiver_.IsUnreachable());
  now_ = receiver_.NextDueMicros();
  EXPECT_THAT(DeliverAll(), ::testing::UnorderedElementsAre(1, 2, 3, 4));
}

TEST_F(WebhookReceiverTest, AJumpOfTheClockGivesNothingUp) {
  Offer(1, "a");
  EXPECT_EQ(Take(), 1);
  EXPECT_FALSE(Fail(WebhookFailure::kRejected));
  now_ += 48 * kHour;
  EXPECT_EQ(Take(), 1);
  EXPECT_FALSE(Fail(WebhookFailure::kRejected));
}

TEST_F(WebhookReceiverTest, MemoryIsBoundedByBytes) {
  const std::string line(100'000, ' ');
  for (int64_t seq = 1; seq <= 100; ++seq) {
    receiver_.Offer(seq, "job-" + std::to_string(seq % 50), line, now_);
  }
  EXPECT_LE(receiver_.bytes(), WebhookReceiver::kMaxBytes);
  EXPECT_GT(receiver_.bytes(), WebhookReceiver::kMaxBytes / 2);
  EXPECT_EQ(receiver_.stored().cursor, 100);
  for (int i = 0; i < WebhookReceiver::kUnreachableAfter; ++i) {
    ASSERT_NE(Take(), 0);
    Fail(WebhookFailure::kUnreachable);
    now_ = std::max(now_, receiver_.NextDueMicros());
  }
  EXPECT_EQ(receiver_.bytes(), 0);
  EXPECT_EQ(Take(), -1);  // it is read from the log
}

TEST_F(WebhookReceiverTest, DamagedNamesOfLanesAreHarmless) {
  StoredWebhook stored;
  stored.lanes = {{"again/x", 0, 1, 0, 0}, {"again/99999999999999999999", 0, 1, 0, 0}};
  WebhookReceiver receiver(stored, false);
  receiver.AddAgain(receiver.NextAgain(0, 1), now_);
  EXPECT_EQ(receiver.lane_count(), 3);
}

TEST(CommitFeedTest, WhatIsTakenHasNoHole) {
  CommitFeed feed;
  int64_t seq = 0;
  const auto push = [&](size_t count, size_t bytes = 1) {
    auto batch = std::make_shared<CommittedBatch>();
    for (size_t i = 0; i < count; ++i) {
      batch->events.push_back({.seq = ++seq, .body = std::string(bytes, 'x')});
    }
    return feed.Push(batch);
  };
  EXPECT_TRUE(push(16'000));
  EXPECT_FALSE(push(500));  // finds no room
  EXPECT_FALSE(push(3));    // would find some
  CommitFeed::Taken taken = feed.Take();
  EXPECT_EQ(taken.batches.size(), 1);
  EXPECT_EQ(taken.lost_through, 16'503);
  EXPECT_TRUE(feed.IsEmpty());
  EXPECT_TRUE(push(40, 1 << 20));  // too large by itself
  EXPECT_FALSE(feed.IsEmpty());
  EXPECT_FALSE(push(1));
  taken = feed.Take();
  EXPECT_EQ(taken.batches.size(), 0);
  EXPECT_EQ(taken.lost_through, 16'544);
}

TEST(UrlTest, WhatCanNeverWorkIsSaid) {
  for (const char* url : {"http://:80/", "http://[::1/", "http://a:99999/", "http://127.0.0.1;x/",
                          "http://exa{mple,}.com/"}) {
    EXPECT_TRUE(UnusableUrlReason(url)) << url;
  }
  for (const char* url : {"http://example.org", "https://a-b.example.org:8443/x?y=%20",
                          "http://[2606:4700::1]:80/"}) {
    EXPECT_EQ(UnusableUrlReason(url), std::nullopt) << url;
  }
  EXPECT_EQ(IsPublicAddress(HostOfUrl("http://0x7f.1/")), std::optional<bool>(false));
}

TEST_F(WebhookReceiverTest, RetryAfterIsHonoured) {
  Offer(1, "a");
  Offer(2, "b");
  EXPECT_EQ(Take(), 1);
  Fail(WebhookFailure::kUnreachable, 90 * kSecond);
  EXPECT_EQ(Take(), 0);
  now_ += 89 * kSecond;
  EXPECT_EQ(Take(), 0);
  now_ += kSecond;
  EXPECT_NE(Take(), 0);
}

TEST_F(WebhookReceiverTest, ALongLaneIsReadFromTheLog) {
  for (int64_t seq = 1; seq <= 200; ++seq) Offer(seq, "a");
  std::vector<int64_t> seqs;
  while (true) {
    const int64_t seq = Take();
    if (seq == 0) break;
    if (seq > 0) {
      seqs.push_back(seq);
      Deliver();
      continue;
    }
    // A page may hold more than was offered yet.
    std::deque<QueuedEvent> events;
    for (int64_t next = lane_->unread_after + 1; next <= lane_->unread_after + 64 && next <= 205;
         ++next) {
      events.push_back({.seq = next});
    }
    const int64_t through = events.back().seq;
    receiver_.OnRead(*lane_, std::move(events), through, now_);
  }
  ASSERT_EQ(seqs.size(), 200);
  for (size_t i = 0; i < seqs.size(); ++i) EXPECT_EQ(seqs[i], static_cast<int64_t>(i) + 1);
}

TEST_F(WebhookReceiverTest, TooManyJobsMakeItBehind) {
  for (int64_t seq = 1; seq <= static_cast<int64_t>(WebhookReceiver::kMaxLanes); ++seq) {
    Offer(seq, "job-" + std::to_string(seq));
  }
  EXPECT_TRUE(receiver_.Offer(2'000, "job-1", "{}", now_));
  EXPECT_FALSE(receiver_.Offer(2'001, "one-more", "{}", now_));
  EXPECT_FALSE(receiver_.is_live());
  EXPECT_EQ(receiver_.stored().cursor, 2'000);
  EXPECT_FALSE(receiver_.WantsPage());
  DeliverAll();
  EXPECT_TRUE(receiver_.WantsPage());
}

TEST_F(WebhookReceiverTest, GoesOnAfterARestart) {
  Offer(1, "a");
  Offer(2, "b");
  Offer(3, "a");
  const StoredLane sent_again = receiver_.NextAgain(0, 1);
  receiver_.AddAgain(sent_again, now_);
  EXPECT_EQ(Take(), 1);
  Fail(WebhookFailure::kRejected);
  StoredWebhook stored = receiver_.stored();
  stored.lanes.push_back(sent_again);
  for (const std::string& name : receiver_.ChangedLanes()) {
    if (const WebhookLane* lane = receiver_.FindLane(name)) stored.lanes.push_back(lane->ToStore());
  }
  WebhookReceiver again(stored, false);
  EXPECT_EQ(again.stored().cursor, 3);
  ASSERT_NE(again.FindLane("a"), nullptr);
  EXPECT_EQ(again.FindLane("a")->unread_after, 0);
  EXPECT_EQ(again.FindLane("a")->through_seq, 3);
  EXPECT_EQ(again.FindLane("a")->attempts, 1);
  EXPECT_EQ(again.FindLane("b")->through_seq, 2);
  EXPECT_NE(again.FindLane("again/1"), nullptr);
  again.AddAgain(again.NextAgain(0, 1), now_);
  EXPECT_NE(again.FindLane("again/2"), nullptr);
  EXPECT_THAT(again.stored().lanes, IsEmpty());
}

TEST_F(WebhookReceiverTest, PausedSendsNothing) {
  Offer(1, "a");
  receiver_.stored().paused = "by request";
  EXPECT_EQ(Take(), 0);
  EXPECT_EQ(receiver_.NextDueMicros(), INT64_MAX);
  receiver_.stored().paused.clear();
  EXPECT_EQ(Take(), 1);
}

}  // namespace
}  // namespace stagelog::webhook_parts_test
