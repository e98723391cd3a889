// The real daemon in real trouble: a full disk, a folder it may not write to, no descriptors, no
// processor for a while, connections that are reset, readers that are slow and readers that all
// come at once. What was acknowledged is there once, and the daemon comes back by itself.
// STAGELOG_STOP_SECONDS and STAGELOG_SLOW_SECONDS make two of them longer.
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <thread>

#include "core/event_codec.h"
#include "tests/support/chunked_body.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/deadline.h"
#include "tests/support/requirement.h"

namespace stagelog {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::HasSubstr;
using ::testing::Not;

class FaultsTest : public DaemonTest {
 protected:
  ~FaultsTest() override { ::unsetenv("STAGELOG_DAEMON"); }

  // Starts the daemon by a line of shell, which ends with `exec`.
  void StartBy(const std::string& line, const std::string& config = std::string(kTestConfig)) {
    UseStarter(line);
    Start(config);
  }
  void UseStarter(const std::string& line) {
    const std::string path = directory_.Path("start");
    std::ofstream(path) << "#!/bin/sh\n" << line << " '" << DaemonPath() << "' \"$@\"\n";
    std::filesystem::permissions(path, std::filesystem::perms(0755));
    ::setenv("STAGELOG_DAEMON", path.c_str(), 1);
  }

  // What it says where it does not start with so many descriptors.
  std::string SaidWithDescriptors(int count) {
    UseStarter("ulimit -n " + std::to_string(count) + "; exec");
    WriteConfig(kTestConfig);
    const DaemonOptions options = Options();
    std::filesystem::remove(options.stderr_path);
    auto daemon = DaemonProcess::Spawn(options);
    ::unsetenv("STAGELOG_DAEMON");
    if (!daemon) return daemon.error().message;
    EXPECT_EQ((*daemon)->WaitForExit(seconds(30)), 1);
    return (*daemon)->StderrText();
  }

  size_t DescriptorCount() const {
    const std::string folder = "/proc/" + std::to_string(daemon_->pid()) + "/fd";
    const auto entries = std::filesystem::directory_iterator(folder);
    return static_cast<size_t>(std::distance(begin(entries), end(entries)));
  }

  // Asks again and again until it is so; there is nothing that would tell.
  static bool Eventually(const std::function<bool()>& is_so) {
    for (const Deadline deadline(seconds(20)); !deadline.Passed();) {
      if (is_so()) return true;
      std::this_thread::sleep_for(milliseconds(50));
    }
    return false;
  }

  static std::string EventWithId(const std::string& id, size_t bytes = 1) {
    return R"({"type":"log","event_id":")" + id + R"(","message":")" + std::string(bytes, 'm') +
           "\"}";
  }

  HttpResponse PostEvent(const std::string& job, const std::string& id, size_t bytes = 1) const {
    return admin().Post("/api/v1/jobs/" + job + "/events", EventWithId(id, bytes));
  }

  // How often each event_id is in the job.
  std::map<std::string, int> IdCounts(const std::string& job) {
    std::map<std::string, int> counts;
    const HttpResponse answer = admin().Get("/api/v1/jobs/" + job + "/events?after=0&limit=10000");
    for (const std::string& body : EventBodies(answer.body)) {
      ++counts[std::string(ViewEvent(body).event_id)];
    }
    return counts;
  }

  static void ExpectUnavailable(const HttpResponse& answer) {
    ExpectProblem(answer, 503, "journal_unavailable");
    EXPECT_THAT(Json::parse(answer.body).value("outcome", ""),
                ::testing::AnyOf("unknown", "not_applied"));
  }
};

// --- The disk ---

class FullDiskTest : public FaultsTest {
 protected:
  ~FullDiskTest() override {
    if (is_mounted_) ::umount2(runs_dir_.c_str(), MNT_DETACH);
  }

  bool Mount(const char* options) {
    std::filesystem::create_directory(runs_dir_);
    is_mounted_ = ::mount("stagelog-test", runs_dir_.c_str(), "tmpfs", 0, options) == 0;
    return is_mounted_;
  }

  bool is_mounted_ = false;
};

TEST_F(FullDiskTest, ItIsSaidAndEndsWhenThereIsRoom) {
  if (!Mount("size=4m")) SKIP_TEST() << "may not mount a tmpfs";
  const std::string ballast = runs_dir_ + "/ballast";
  std::ofstream(ballast) << std::string(1 << 20, 'b');
  Start();
  std::vector<std::string> acknowledged;
  std::vector<std::string> refused;
  for (int i = 0; i < 400 && refused.size() < 5; ++i) {
    const std::string id = "e" + std::to_string(i);
    const HttpResponse answer = PostEvent("job", id, 30'000);
    (answer.status == 201 ? acknowledged : refused).push_back(id);
    if (answer.status != 201) ExpectUnavailable(answer);
  }
  ASSERT_EQ(refused.size(), 5u) << "4 MiB were not filled";
  EXPECT_GT(acknowledged.size(), 20u);
  EXPECT_EQ(admin().Get("/api/v1/jobs/job/events?limit=1").status, 200) << "reading goes on";
  EXPECT_EQ(admin().Get("/readyz").status, 503);
  std::filesystem::remove(ballast);
  EXPECT_TRUE(Eventually([&] { return PostEvent("job", "after").status / 100 == 2; }));
  for (const std::string& id : refused) EXPECT_EQ(PostEvent("job", id, 30'000).status / 100, 2);
  const auto counts = IdCounts("job");
  EXPECT_EQ(counts.size(), acknowledged.size() + refused.size() + 1);
  for (const auto& [id, count] : counts) EXPECT_EQ(count, 1) << id;
}

TEST_F(FaultsTest, AFolderThatBecomesReadOnly) {
  const bool is_root = ::geteuid() == 0;
  std::filesystem::create_directory(runs_dir_);
  if (is_root) {
    // Root may write anywhere: somebody else has to run the daemon.
    if (::access("/usr/bin/setpriv", X_OK) != 0) SKIP_TEST() << "no setpriv";
    for (const std::string& path : {directory_.path(), runs_dir_}) {
      ASSERT_EQ(::chown(path.c_str(), 65534, 65534), 0);
    }
    StartBy("exec /usr/bin/setpriv --reuid=65534 --regid=65534 --clear-groups");
  } else {
    Start();
  }
  ASSERT_EQ(PostEvent("old", "1").status, 201);
  const auto permit = [&](bool writing) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(runs_dir_)) {
      const unsigned mode = entry.is_directory() ? 0555 : 0444;
      std::filesystem::permissions(entry, std::filesystem::perms(mode | (writing ? 0200 : 0)));
    }
    std::filesystem::permissions(runs_dir_, std::filesystem::perms(writing ? 0755 : 0555));
  };
  permit(false);
  // Committed, though its folder cannot be made: acknowledged, and not forgotten.
  EXPECT_EQ(PostEvent("new", "1").status, 201);
  ExpectUnavailable(PostEvent("new", "2"));
  EXPECT_EQ(IdCounts("new").size(), 1u);
  permit(true);
  EXPECT_TRUE(Eventually([&] { return PostEvent("new", "2").status == 201; }));
  EXPECT_EQ(Lines("new").size(), 2u);
}

// --- Descriptors ---

TEST_F(FaultsTest, NoDescriptorsForAWhile) {
  Start();
  AppendLogs("job", 1);
  const rlimit none = {.rlim_cur = DescriptorCount() + 10, .rlim_max = 4096};
  rlimit before = {};
  auto writer = HttpConnection::Connect(daemon_->port());
  ASSERT_TRUE(writer && writer->Send(RequestText("GET", "/healthz", {})));
  ASSERT_TRUE(writer->ReadResponse());
  ASSERT_EQ(::prlimit(daemon_->pid(), RLIMIT_NOFILE, &none, &before), 0);
  std::vector<HttpConnection> clients;
  for (int i = 0; i < 100; ++i) {
    auto client = HttpConnection::Connect(daemon_->port());
    ASSERT_TRUE(client);
    static_cast<void>(client->Send(RequestText("GET", "/healthz", {})));
    clients.push_back(std::move(*client));
  }
  EXPECT_EQ(clients.front().ReadResponse()->status, 200);
  EXPECT_FALSE(clients.back().ReadSome(milliseconds(100))) << "there were enough";
  // No descriptor for the new job's file: what is committed is acknowledged all the same.
  HttpHeaders headers = BearerHeader(kAdminToken);
  headers.emplace_back("Content-Type", "application/json");
  ASSERT_TRUE(
      writer->Send(RequestText("POST", "/api/v1/jobs/new/events", headers, EventWithId("1"))));
  const auto answer = writer->ReadResponse();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 201) << answer->body;
  clients.clear();
  EXPECT_TRUE(Eventually([&] { return admin().Get("/healthz").status == 200; }));
  EXPECT_TRUE(Eventually([&] { return PostEvent("new", "2").status == 201; }));
  EXPECT_EQ(Lines("new").size(), 2u);
}

TEST_F(FaultsTest, ASmallLimitFromTheStart) {
  StartBy("ulimit -n 330; exec");
  std::vector<HttpConnection> clients;
  for (int i = 0; i < 400; ++i) {
    auto client = HttpConnection::Connect(daemon_->port());
    if (client) clients.push_back(std::move(*client));
  }
  EXPECT_GT(clients.size(), 64u);
  clients.clear();
  EXPECT_TRUE(Eventually([&] { return PostEvent("job", "1").status / 100 == 2; }));
}

TEST_F(FaultsTest, TooFewDescriptorsAreRefusedInASentence) {
  for (const int count : {16, 32, 100}) {
    EXPECT_THAT(SaidWithDescriptors(count),
                HasSubstr("stagelogd: the file descriptor limit is " + std::to_string(count) +
                          ", at least 127 are needed: "));
  }
}

TEST_F(FaultsTest, WithTheFewestDescriptorsAllThatIsPromisedHolds) {
  StartBy("ulimit -n 127; exec", std::string(kTestConfig) + "storage:\n  backup_dir: " +
                                     directory_.Path("backups") + "\n");
  EXPECT_THAT(daemon_->StderrText(), HasSubstr("at most 8 connections and 16 open journal files"));
  std::vector<SseClient> streams;
  for (int i = 0; i < 4; ++i) streams.push_back(OpenStream("/api/v1/events/stream"));
  std::atomic<bool> is_over = false;
  // Whose connections have gone may count for a moment longer: so there are few at once.
  std::thread reader([&] {
    while (!is_over) EXPECT_EQ(admin().Get("/api/v1/events?since=all&q=1").status, 200);
  });
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 60; ++i) AppendLogs("job-" + std::to_string(i), 1);
  }
  EXPECT_EQ(admin().Post("/api/v1/admin/backup", "{}").status, 201);
  is_over = true;
  reader.join();
  EXPECT_EQ(admin().Get("/readyz").status, 200);
  EXPECT_THAT(daemon_->StderrText(), Not(HasSubstr("Too many open files")));
}

// --- Time ---

TEST_F(FaultsTest, StoppedForAWhile) {
  Start();
  AppendLogs("job", 10);
  SseClient stream = OpenStream("/api/v1/jobs/job/events/stream?after=0");
  ASSERT_TRUE(stream.NextNamed("connected"));
  HttpHeaders headers = BearerHeader(kAdminToken);
  headers.emplace_back("Content-Type", "application/json");
  std::vector<HttpConnection> writers;
  const auto send_from_new_ones = [&](int first) {
    for (int i = first; i < first + 10; ++i) {
      auto writer = HttpConnection::Connect(daemon_->port(), seconds(120));
      ASSERT_TRUE(writer);
      ASSERT_TRUE(writer->Send(RequestText("POST", "/api/v1/jobs/job/events", headers,
                                           EventWithId("w" + std::to_string(i)))));
      writers.push_back(std::move(*writer));
    }
  };
  send_from_new_ones(0);
  daemon_->Signal(SIGSTOP);
  send_from_new_ones(10);
  const char* longer = std::getenv("STAGELOG_STOP_SECONDS");
  std::this_thread::sleep_for(seconds(longer == nullptr ? 2 : std::atoi(longer)));
  daemon_->Signal(SIGCONT);
  for (HttpConnection& writer : writers) {
    const auto answer = writer.ReadResponse();
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->status, 201) << answer->body;
  }
  for (int64_t seq = 1; seq <= 30; ++seq) {
    const auto frame = stream.NextEvent();
    ASSERT_TRUE(frame) << frame.error().message;
    EXPECT_EQ(frame->last_event_id, std::to_string(seq));
  }
}

// --- Connections ---

void Reset(HttpConnection connection) {
  const linger now = {.l_onoff = 1, .l_linger = 0};
  ::setsockopt(connection.fd(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

TEST_F(FaultsTest, AConnectionResetAtEveryByteOfARequest) {
  Start();
  AppendLogs("job", 1);
  HttpHeaders headers = BearerHeader(kAdminToken);
  headers.emplace_back("Content-Type", "application/json");
  const size_t before = DescriptorCount();
  size_t length = 1;
  for (size_t sent = 0; sent <= length; ++sent) {
    const std::string request = RequestText("POST", "/api/v1/jobs/job/events", headers,
                                            EventWithId("r" + std::to_string(1000 + sent)));
    length = request.size();
    auto connection = HttpConnection::Connect(daemon_->port());
    ASSERT_TRUE(connection);
    ASSERT_TRUE(connection->Send(std::string_view(request).substr(0, sent)));
    Reset(std::move(*connection));
  }
  const std::string stream =
      RequestText("GET", "/api/v1/events/stream?after=0", BearerHeader(kAdminToken));
  for (size_t sent = 0; sent <= stream.size(); ++sent) {
    auto connection = HttpConnection::Connect(daemon_->port());
    ASSERT_TRUE(connection);
    ASSERT_TRUE(connection->Send(std::string_view(stream).substr(0, sent)));
    Reset(std::move(*connection));
  }
  // The whole request alone may have been taken, and then once.
  EXPECT_TRUE(Eventually([&] { return DescriptorCount() <= before; }))
      << DescriptorCount() << " descriptors, " << before << " before";
  auto counts = IdCounts("job");
  const int whole = counts["r" + std::to_string(1000 + length)];
  EXPECT_LE(whole, 1);
  EXPECT_EQ(HeadSeq(), 1 + whole);
}

// --- Readers ---

// What every subscriber of a job must get: the frames in order, each once, and control frames
// between them. Keeps nothing but the last incomplete frame.
class FrameMatcher {
 public:
  explicit FrameMatcher(const std::vector<std::string>* frames) : frames_(frames) {}

  void Feed(std::string_view bytes) {
    if (!has_head_) {
      head_.append(bytes);
      const size_t end = head_.find("\r\n\r\n");
      if (end == std::string::npos) return;
      has_head_ = true;
      bytes = std::string_view(head_).substr(end + 4);
    }
    if (!body_.Feed(bytes, rest_) && strange_.empty()) strange_ = "no chunk";
    size_t start = 0;
    for (size_t end = rest_.find("\n\n"); end != std::string::npos;
         end = rest_.find("\n\n", start)) {
      Take(std::string_view(rest_).substr(start, end - start));
      start = end + 2;
    }
    rest_.erase(0, start);
  }

  bool IsDone() const { return matched_ == frames_->size(); }
  size_t matched() const { return matched_; }
  const std::string& strange() const { return strange_; }

 private:
  void Take(std::string_view frame) {
    if (frame.find("event: ") != std::string_view::npos || frame.starts_with("retry: ")) return;
    if (matched_ < frames_->size() && frame == (*frames_)[matched_]) {
      ++matched_;
    } else if (strange_.empty()) {
      strange_ = "after " + std::to_string(matched_) + ": " + std::string(frame);
    }
  }

  const std::vector<std::string>* frames_;
  std::string head_;
  bool has_head_ = false;
  ChunkedBody body_;
  size_t matched_ = 0;
  std::string rest_;
  std::string strange_;
};

class ReadersTest : public FaultsTest {
 protected:
  struct Reader {
    HttpConnection connection;
    FrameMatcher matcher;
  };

  void ExpectFramesOf(const std::string& job) {
    for (const std::string& line : Lines(job)) {
      frames_.push_back("id: " + std::to_string(ViewEvent(line).seq) + "\ndata: " + line);
    }
  }

  void AddReader(const std::string& target) {
    auto connection = HttpConnection::Connect(daemon_->port());
    ASSERT_TRUE(connection) << connection.error().message;
    readers_.push_back({std::move(*connection), FrameMatcher(&frames_)});
    ASSERT_TRUE(
        readers_.back().connection.Send(RequestText("GET", target, BearerHeader(kAdminToken))));
  }

  // Reads at most so much of one; false when it has ended.
  static bool ReadSome(Reader& reader, size_t most) {
    std::array<char, 65536> bytes;
    const ssize_t count =
        ::recv(reader.connection.fd(), bytes.data(), std::min(most, bytes.size()), MSG_DONTWAIT);
    if (count > 0) reader.matcher.Feed({bytes.data(), static_cast<size_t>(count)});
    return count > 0 || (count < 0 && errno == EAGAIN);
  }

  std::vector<std::string> frames_;
  std::vector<Reader> readers_;
};

// More than the sockets' buffers hold, so that the daemon has to keep a place for each.
TEST_F(ReadersTest, SlowOnesGetEverythingOnceAndHinderNobody) {
  constexpr size_t kBytesPerTurn = 6'554;  // ten turns a second: 64 KiB/s
  Start();
  for (int i = 0; i < 4; ++i) {
    AddReader("/api/v1/jobs/job/events/stream?after=0");
    const int small = 32'768;
    ::setsockopt(readers_.back().connection.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
  }
  for (int i = 0; i < 64; ++i) ASSERT_EQ(PostEvent("job", std::to_string(i), 120'000).status, 201);
  ExpectFramesOf("job");
  SseClient fast = OpenStream("/api/v1/jobs/job/events/stream?after=0");
  for (size_t i = 0; i < frames_.size(); ++i) ASSERT_TRUE(fast.NextEvent());
  const char* longer = std::getenv("STAGELOG_SLOW_SECONDS");
  const Deadline slow(seconds(longer == nullptr ? 3 : std::atoi(longer)));
  for (const Deadline deadline(seconds(400)); !deadline.Passed();) {
    bool are_done = true;
    for (Reader& reader : readers_) {
      if (reader.matcher.IsDone()) continue;
      const size_t most = slow.Passed() ? 65'536 : kBytesPerTurn;
      ASSERT_TRUE(ReadSome(reader, most)) << "dropped for being slow";
      are_done = are_done && reader.matcher.IsDone();
    }
    if (are_done) break;
    if (slow.Passed()) continue;
    EXPECT_FALSE(readers_.front().matcher.IsDone() && longer == nullptr);
    std::this_thread::sleep_for(milliseconds(100));
  }
  for (const Reader& reader : readers_) {
    EXPECT_EQ(reader.matcher.matched(), frames_.size());
    EXPECT_EQ(reader.matcher.strange(), "");
  }
}

TEST_F(ReadersTest, AThousandComeBackAtOnceAThousandEventsBehind) {
  constexpr size_t kReconnecting = 1'000;
  rlimit limit = {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < kReconnecting + 100) SKIP_TEST() << "not enough descriptors";
  Start();
  AppendLogs("job", 1'000);
  ExpectFramesOf("job");
  ASSERT_EQ(frames_.size(), 1'000u);
  const auto started = steady_clock::now();
  for (size_t i = 0; i < kReconnecting; ++i) {
    AddReader("/api/v1/jobs/job/events/stream?last_event_id=0");
    if (HasFatalFailure()) return;
  }
  size_t done = 0;
  for (const Deadline deadline(seconds(60)); done < kReconnecting && !deadline.Passed();) {
    std::vector<pollfd> waiting;
    std::vector<Reader*> who;
    for (Reader& reader : readers_) {
      if (reader.matcher.IsDone()) continue;
      waiting.push_back({.fd = reader.connection.fd(), .events = POLLIN, .revents = 0});
      who.push_back(&reader);
    }
    done = kReconnecting - who.size();
    if (who.empty()) break;
    ::poll(waiting.data(), waiting.size(), deadline.RemainingMs());
    for (size_t i = 0; i < who.size(); ++i) {
      if (waiting[i].revents != 0) {
        ASSERT_TRUE(ReadSome(*who[i], 65'536)) << "a stream was closed";
      }
    }
  }
  const auto took = std::chrono::duration_cast<milliseconds>(steady_clock::now() - started);
  std::cout << kReconnecting << " readers of " << frames_.size() << " events each: " << took.count()
            << " ms" << std::endl;
  EXPECT_EQ(done, kReconnecting);
  for (const Reader& reader : readers_) EXPECT_EQ(reader.matcher.strange(), "");
}

}  // namespace
}  // namespace stagelog
