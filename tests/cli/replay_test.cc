// stagelog replay: an old run in its rhythm, printed and served.
#include <gmock/gmock.h>
#include <signal.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <limits>
#include <thread>

#include "cli/offline/replay_server.h"
#include "core/event_codec.h"
#include "tests/cli/random_job_test.h"
#include "tests/support/deadline.h"
#include "tests/support/time_units.h"

namespace stagelog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr uint64_t kReplaySeed = 20'261'122;

// Time passes only while somebody waits.
class RecordingWaiter : public cli::Waiter {
 public:
  int64_t NowMicros() override { return now_; }

  bool WaitUntil(int64_t monotonic_micros) override {
    if (monotonic_micros > now_) {
      waits.push_back(monotonic_micros - now_);
      now_ = monotonic_micros;
    }
    return waits.size() < gives_up_after;
  }

  std::vector<int64_t> waits;
  size_t gives_up_after = std::numeric_limits<size_t>::max();

 private:
  int64_t now_ = 1'000;
};

class RecordingSink : public cli::ReplaySink {
 public:
  cli::CliStatus TakePast(std::vector<cli::StoredEvent> events) override {
    for (const auto& event : events) past.push_back(event.event.job_seq);
    return {};
  }
  cli::CliStatus Take(std::vector<cli::StoredEvent> events) override {
    batches.push_back(events.size());
    for (const auto& event : events) told.push_back(event.event.job_seq);
    return {};
  }

  std::vector<int64_t> past;
  std::vector<int64_t> told;
  std::vector<size_t> batches;
};

// Events of a job that happened at the given seconds.
class ListedEvents : public cli::EventSequence {
 public:
  explicit ListedEvents(std::vector<double> seconds) : seconds_(std::move(seconds)) {}

  cli::CliResult<std::optional<cli::StoredEvent>> Next() override {
    if (next_ == seconds_.size()) return std::nullopt;
    Event event;
    event.draft.job_id = "job";
    // All of them came to the journal together, at last.
    event.draft.occurred_at_micros = kStart + static_cast<int64_t>(seconds_[next_++] * kSecond);
    event.ts_micros = kStart + int64_t{2'000'000'000} * kSecond + static_cast<int64_t>(next_);
    event.job_seq = static_cast<int64_t>(next_);
    event.seq = event.job_seq;
    return cli::StoredEvent{event, "{}"};
  }

  static constexpr int64_t kStart = 1'795'246'862'000'000;  // 2026-11-21T07:41:02Z

 private:
  const std::vector<double> seconds_;
  size_t next_ = 0;
};

class ReplayerTest : public ::testing::Test {
 protected:
  cli::CliResult<bool> Replay(std::vector<double> seconds, const std::string& speed,
                              const std::string& max_wait = "", const std::string& from = "",
                              const std::string& to = "") {
    ListedEvents events(std::move(seconds));
    cli::Replayer replayer(events, *cli::ParseReplayRange(from, to),
                           *cli::ParseTempo(speed, max_wait), waiter_, sink_);
    const auto prepared = replayer.Prepare();
    if (!prepared || !*prepared) return prepared;
    return replayer.Run();
  }

  RecordingWaiter waiter_;
  RecordingSink sink_;
};

TEST_F(ReplayerTest, WaitsAsLongAsTheRunDid) {
  ASSERT_TRUE(*Replay({0, 0, 1.5, 1.5, 61.5}, "1"));
  EXPECT_THAT(waiter_.waits, ElementsAre(1'500'000, 60 * kSecond));
  EXPECT_THAT(sink_.batches, ElementsAre(2, 2, 1)) << "what is due together is told together";
  EXPECT_THAT(sink_.told, ElementsAre(1, 2, 3, 4, 5));
}

// By the clocks of several machines, or kept by one of them during an outage.
TEST_F(ReplayerTest, WhatIsToldLateIsToldAtOnce) {
  ASSERT_TRUE(*Replay({0, 10, 7, 10, 12}, "1"));
  EXPECT_THAT(waiter_.waits, ElementsAre(10 * kSecond, 2 * kSecond));
  EXPECT_THAT(sink_.batches, ElementsAre(1, 3, 1));
  EXPECT_THAT(sink_.told, ElementsAre(1, 2, 3, 4, 5));
}

TEST_F(ReplayerTest, SpeedDividesThePauses) {
  ASSERT_TRUE(*Replay({0, 10, 30}, "10"));
  EXPECT_THAT(waiter_.waits, ElementsAre(kSecond, 2 * kSecond));
  waiter_.waits.clear();
  ASSERT_TRUE(*Replay({0, 1}, "0.5"));
  EXPECT_THAT(waiter_.waits, ElementsAre(2 * kSecond));
}

TEST_F(ReplayerTest, MaxSpeedNeverWaits) {
  ASSERT_TRUE(*Replay({0, 10, 1e6, 1e9}, "max"));
  EXPECT_THAT(waiter_.waits, IsEmpty());
  EXPECT_THAT(sink_.batches, ElementsAre(4));
}

TEST_F(ReplayerTest, MaxWaitShortensOnlyLongPauses) {
  ASSERT_TRUE(*Replay({0, 1, 7'201, 7'202}, "1", "5"));
  EXPECT_THAT(waiter_.waits, ElementsAre(kSecond, 5 * kSecond, kSecond));
}

TEST_F(ReplayerTest, ARangeIsCountedFromTheFirstEventOrIsOfTimes) {
  ASSERT_TRUE(*Replay({0, 1, 2, 3, 4}, "1", "", "2s", "3s"));
  EXPECT_THAT(sink_.past, ElementsAre(1, 2));
  EXPECT_THAT(sink_.told, ElementsAre(3, 4));
  EXPECT_THAT(waiter_.waits, ElementsAre(kSecond)) << "the first one is told at once";
  sink_ = {};
  ASSERT_TRUE(
      *Replay({0, 1, 2, 3, 4}, "max", "", "2026-11-21T07:41:05Z", "2026-11-21T08:41:06+01:00"));
  EXPECT_THAT(sink_.told, ElementsAre(4, 5));
}

TEST_F(ReplayerTest, ARangeWithoutEventsIsRefused) {
  for (const auto& [from, to] :
       {std::pair("1h", ""), std::pair("3s", "2s"), std::pair("", "2020-01-01T00:00:00Z")}) {
    const auto ended = Replay({0, 1, 2}, "max", "", from, to);
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().code, cli::ExitCode::kUsage);
    EXPECT_THAT(ended.error().message, HasSubstr("the run begins at 2026-11-21T07:41:02.000000Z"));
  }
}

TEST_F(ReplayerTest, EndsWhenTheWaiterGivesUp) {
  waiter_.gives_up_after = 2;
  const auto ended = Replay({0, 1, 2, 3, 4}, "1");
  ASSERT_TRUE(ended);
  EXPECT_FALSE(*ended);
  EXPECT_THAT(sink_.told, ElementsAre(1, 2));
}

TEST(RhythmTest, WhoWasHeldUpForLongGoesOnFromWhereHeIs) {
  cli::Rhythm rhythm({});
  EXPECT_EQ(rhythm.NextDueMicros(0, 100), 100);
  // A short delay is made up for, so that nothing drifts.
  EXPECT_EQ(rhythm.NextDueMicros(10 * kSecond, 100 + kSecond / 2), 100 + 10 * kSecond);
  const int64_t resumed = 3'600 * kSecond;
  EXPECT_EQ(rhythm.NextDueMicros(20 * kSecond, resumed), resumed + 9 * kSecond);
}

class ReplayTest : public RandomJobTest {
 protected:
  CliResultText Replay(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "replay");
    return cli_.Run(std::move(arguments));
  }

  std::string Write(const std::string& name, const std::string& text) {
    std::ofstream(cli_.Path(name), std::ios::binary | std::ios::trunc) << text;
    return cli_.Path(name);
  }

  // Serves what `events` hand out by the library, from within the test.
  void Serve(cli::EventSequence& events, cli::Waiter& waiter, const std::string& speed = "max") {
    if (server_ == nullptr) OpenServer();
    cli::Replayer replayer(events, {}, *cli::ParseTempo(speed, ""), waiter, *server_);
    ASSERT_TRUE(replayer.Prepare());
    const auto ended = replayer.Run();
    ASSERT_TRUE(ended) << ended.error().message;
  }

  void OpenServer() {
    auto server = cli::ReplayServer::Open({0, std::string(kAdminToken), {}}, SystemClock());
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    server_->Start();
  }

  HttpClient replayed() const { return HttpClient(static_cast<uint16_t>(server_->port())); }

  SseClient OpenReplayedStream(const std::string& target) {
    auto stream = SseClient::Open(static_cast<uint16_t>(server_->port()), target);
    if (!stream) throw std::runtime_error("no stream: " + stream.error().message);
    return std::move(*stream);
  }

  void ExpectSameStreams(const std::string& target, size_t count) {
    SseClient live = OpenStream(target);
    SseClient again = OpenReplayedStream(target);
    for (size_t i = 0; i < count; ++i) {
      const auto a = live.NextEvent();
      const auto b = again.NextEvent();
      ASSERT_TRUE(a) << a.error().message;
      ASSERT_TRUE(b) << b.error().message;
      ASSERT_EQ(a->event, b->event);
      ASSERT_EQ(a->data, b->data);
      ASSERT_EQ(a->last_event_id, b->last_event_id);
    }
  }

  std::unique_ptr<cli::ReplayServer> server_;
};

TEST_F(ReplayTest, ServedEventsAndStatesEqualTheDaemonsAtEveryEvent) {
  Start();
  PostRandomJob(kReplaySeed, 300);
  RecordingWaiter waiter;
  const auto events = Events();
  Serve(*events, waiter);
  const std::string poll = JobPath() + "/events?limit=50&after=";
  for (int64_t after = 0, more = 1; more != 0;) {
    const HttpResponse live = admin().Get(poll + std::to_string(after));
    const HttpResponse again = replayed().Get(poll + std::to_string(after));
    ASSERT_EQ(again.body, live.body) << "after " << after;
    const Json page = Json::parse(live.body);
    after = page["next_after"];
    more = page["has_more"] ? 1 : 0;
  }
  for (int64_t seq = 1; seq <= HeadSeq(); ++seq) {
    const std::string target = JobPath() + "?at_seq=" + std::to_string(seq);
    const HttpResponse live = admin().Get(target);
    const HttpResponse again = replayed().Get(target);
    ASSERT_EQ(again.status, live.status);
    ASSERT_EQ(again.body, live.body) << "seq " << seq;
  }
  const std::vector<std::string> targets = {
      JobPath() + "/stages",
      JobPath() + "/gates",
      JobPath() + "/stages/train",
      JobPath() + "/gates/review",
      JobPath() + "/events?type=stage_progress&limit=7",
      JobPath() + "/events?q=9000",
      JobPath() + "/events?after=999999",
      "/api/v1/gates",
      "/api/v1/jobs?limit=1",
      "/api/v1/jobs/nobody",
  };
  for (const std::string& target : targets) {
    Json live = Json::parse(admin().Get(target).body);
    Json again = Json::parse(replayed().Get(target).body);
    for (Json* answer : {&live, &again}) {
      answer->erase("journal_id");
      if (answer->contains("jobs")) {  // a page of one: of the daemon's jobs it is the youngest
        for (const char* key :
             {"liveness", "live", "as_of", "duration_ms", "waited_ms", "worked_ms"}) {
          (*answer)["jobs"][0].erase(key);
        }
        for (const char* key : {"next_after", "next_before", "has_more"}) answer->erase(key);
      }
    }
    EXPECT_EQ(again, live) << target;
  }
}

TEST_F(ReplayTest, ThePlainAnswerIsWhatItWasAfterEachEventAsItIsTold) {
  Start();
  PostRandomJob(kReplaySeed + 9, 200);
  OpenServer();
  const auto events = Events();
  for (auto next = events->Next(); next && *next; next = events->Next()) {
    const std::string seq = std::to_string((*next)->event.seq);
    ASSERT_TRUE(server_->Take({**next}));
    std::string then = admin().Get(JobPath() + "?at_seq=" + seq).body;
    then.resize(then.size() - 2);  // "}\n": what is true now follows
    ASSERT_THAT(replayed().Get(JobPath()).body, StartsWith(then + ",\"head_seq\":" + seq));
  }
}

TEST_F(ReplayTest, StatesBehindASnapshotAreTheDaemonsToo) {
  Start();
  PostRandomJob(kReplaySeed + 10, 1'100);
  RecordingWaiter waiter;
  const auto events = Events();
  Serve(*events, waiter);
  for (int64_t seq = 1'000; seq <= HeadSeq(); seq += 13) {
    const std::string target = JobPath() + "?at_seq=" + std::to_string(seq);
    ASSERT_EQ(replayed().Get(target).body, admin().Get(target).body) << "seq " << seq;
  }
}

TEST_F(ReplayTest, ServedStreamsEqualTheDaemonsFrameByFrame) {
  Start();
  PostRandomJob(kReplaySeed + 1, 200);
  RecordingWaiter waiter;
  const auto events = Events();
  Serve(*events, waiter);
  ExpectSameStreams(JobPath() + "/events/stream", 200);
  ExpectSameStreams(JobPath() + "/events/stream?named=1&after=20", 150);
  ExpectSameStreams(JobPath() + "/events/stream?since=all&type=stage_progress,log", 20);
}

TEST_F(ReplayTest, WhoWatchesFromTheBeginningGetsEachEventOnceAsItIsDue) {
  OpenServer();
  const JournalLines journal = JournalLines::Random(kReplaySeed + 2, 300);
  journal.WriteTo(cli_.Path("runs"));
  SseClient early = OpenReplayedStream("/api/v1/jobs/job/events/stream");
  SseClient of_all = OpenReplayedStream("/api/v1/events/stream");
  ASSERT_TRUE(early.NextNamed("connected"));
  ASSERT_TRUE(of_all.NextNamed("connected"));
  const auto found = cli::FindJournal(cli_.Path("runs/job"));
  const auto events = cli::FileEvents::Open(*found, cli::Trust::kVerified);
  ASSERT_TRUE(events);
  RecordingWaiter waiter;
  Serve(**events, waiter, "1");
  EXPECT_THAT(waiter.waits, SizeIs(299)) << "they are a second apart";
  SseClient late = OpenReplayedStream("/api/v1/jobs/job/events/stream");
  for (SseClient* stream : {&early, &of_all, &late}) {
    for (const std::string& line : journal.lines()) {
      const auto frame = stream->NextEvent();
      ASSERT_TRUE(frame) << frame.error().message;
      ASSERT_EQ(frame->data, line);
    }
  }
}

// The run may have ended and been resumed; who watches until its end sees all of it.
TEST_F(ReplayTest, AStreamUntilTheEndPassesOverEarlierEnds) {
  OpenServer();
  JournalLines journal("job");
  for (const char* type : {"job_started", "job_completed", "job_resumed", "job_failed"}) {
    EventDraft draft;
    draft.type = type;
    draft.kind = FindType(type)->type;
    journal.Append(draft);
  }
  journal.WriteTo(cli_.Path("runs"));
  const std::string target = "/api/v1/jobs/job/events/stream?until=terminal";
  SseClient early = OpenReplayedStream(target);
  ASSERT_TRUE(early.NextNamed("connected"));
  const auto events =
      cli::FileEvents::Open(*cli::FindJournal(cli_.Path("runs/job")), cli::Trust::kVerified);
  ASSERT_TRUE(events);
  // At each pause of the replay somebody else comes, and the job is over now and then.
  std::vector<SseClient> others;
  class Visits : public RecordingWaiter {
   public:
    explicit Visits(std::function<void()> visit) : visit_(std::move(visit)) {}
    bool WaitUntil(int64_t monotonic_micros) override {
      visit_();
      return RecordingWaiter::WaitUntil(monotonic_micros);
    }

   private:
    std::function<void()> visit_;
  };
  Visits visits([&] { others.push_back(OpenReplayedStream(target)); });
  Serve(**events, visits, "1");
  EXPECT_GE(others.size(), 3U);
  others.push_back(std::move(early));
  for (SseClient& stream : others) {
    for (const std::string& line : journal.lines()) {
      const auto frame = stream.NextEvent();
      ASSERT_TRUE(frame) << frame.error().message;
      ASSERT_EQ(frame->data, line);
    }
    EXPECT_TRUE(stream.NextNamed("end"));
    EXPECT_TRUE(stream.WaitForEnd());
  }
}

TEST_F(ReplayTest, AParkedPollIsWokenAndTheStateMovesOn) {
  OpenServer();
  const std::vector<std::string> lines = JournalLines::Random(kReplaySeed + 3, 2).lines();
  const auto put = [&](const std::string& line) {
    ASSERT_TRUE(server_->Take({{*DecodeStoredEvent(line), line}}));
  };
  put(lines[0]);
  EXPECT_EQ(Json::parse(replayed().Get("/api/v1/jobs/job").body)["head_seq"], 10);
  std::string woken;
  std::thread poll(
      [&] { woken = replayed().Get("/api/v1/jobs/job/events?after=10&wait=30").body; });
  put(lines[1]);
  poll.join();
  EXPECT_THAT(EventBodies(woken), ElementsAre(lines[1]));
  EXPECT_EQ(Json::parse(replayed().Get("/api/v1/jobs/job").body)["head_seq"], 20);
}

TEST_F(ReplayTest, AReplayTakesNothingAndAsksForTheToken) {
  OpenServer();
  const JournalLines journal = JournalLines::Random(kReplaySeed + 4, 20);
  for (const std::string& line : journal.lines()) {
    ASSERT_TRUE(server_->Take({{*DecodeStoredEvent(line), line}}));
  }
  const std::string before = replayed().Get("/api/v1/jobs/job?at_seq=200").body;
  const std::string event = R"({"type":"log","message":"x","job_id":"job"})";
  for (const auto& [path, body] : std::vector<std::pair<std::string, std::string>>{
           {"/api/v1/jobs/job/events", event},
           {"/api/v1/jobs/new/events", R"({"type":"log","message":"x"})"},
           {"/api/v1/events", event},
           {"/api/v1/jobs", R"({"job_id":"new"})"},
           {"/api/v1/jobs/job/cancel", ""},
           {"/api/v1/jobs/job/resume", ""},
           {"/api/v1/jobs/job/gates/review/approve", ""},
           {"/api/v1/jobs/job/gates/review/reject", R"({"comment":"no"})"}}) {
    SCOPED_TRACE(path);
    ExpectProblem(replayed().Post(path, body), 403, "read_only");
  }
  EXPECT_EQ(replayed().Get("/api/v1/jobs/job?at_seq=200").body, before);
  EXPECT_EQ(replayed().Get("/api/v1/jobs/new").status, 404);
  const HttpClient stranger(static_cast<uint16_t>(server_->port()), "another-token");
  ExpectProblem(stranger.Get("/api/v1/jobs"), 401, "invalid_token");
}

TEST_F(ReplayTest, PrintsTheStoredBytesOfAFileAndOfAJob) {
  Start();
  PostRandomJob(kReplaySeed + 5, 1'200);  // more than a page
  const CliResultText file = Replay({JobFile(), "--speed", "max", "--json"});
  EXPECT_EQ(file.exit_code, 0) << file.err;
  EXPECT_THAT(ReadAll(JobFile()), StartsWith(file.out));
  const std::string url = "http://127.0.0.1:" + std::to_string(daemon_->port());
  const CliResultText job = Replay({kJob, "--url", url, "--speed", "max", "--json"});
  EXPECT_EQ(job.exit_code, 0) << job.err;
  // A gate of the job may have timed out in between.
  EXPECT_THAT(job.out, StartsWith(file.out));
  const CliResultText nobody = Replay({"nobody", "--url", url});
  EXPECT_EQ(nobody.exit_code, 6);
  EXPECT_THAT(nobody.err, HasSubstr("there is no job 'nobody'"));
  EXPECT_THAT(nobody.err, HasSubstr("there is no file 'nobody' either"));
}

TEST_F(ReplayTest, PrintsALineAnEventAndNobodySteersTheTerminal) {
  JournalLines journal("job");
  EventDraft draft;
  draft.type = "stage_progress";
  draft.kind = EventType::kStageProgress;
  draft.stage = "encode";
  draft.level = "info";
  draft.message = "\033[2Jgone";
  draft.payload = R"({"current":4500,"total":9000,"unit":"frames"})";
  journal.Append(draft);
  draft.type = "gate_approved";
  draft.kind = EventType::kGateApproved;
  draft.stage = "";
  draft.gate = "publish";
  draft.message = "";
  journal.Append(draft);
  const std::string path = Write("events.jsonl", journal.Text());
  EXPECT_EQ(Replay({path, "--speed", "max"}).out,
            "2026-11-21 07:41:02.999  stage_progress   !progress_without_start "
            "encode 4500/9000 frames \\u001b[2Jgone\n"
            "2026-11-21 07:41:03.999  gate_approved    !gate_unknown publish\n");
  EXPECT_THAT(Replay({path, "--speed", "max", "--color", "always"}).out,
              HasSubstr("\033[32mgate_approved  \033[0m"));
}

TEST_F(ReplayTest, ServesUntilItIsInterruptedAndLeavesNothingBehind) {
  const std::string path = Write("events.jsonl", JournalLines::Random(kReplaySeed + 6, 20).Text());
  std::filesystem::create_directories(cli_.Path("tmp"));
  cli_.SetEnvironment("TMPDIR", cli_.Path("tmp"));
  const CliResultText ended =
      Replay({path, "--serve", "0", "--speed", "max", "--exit-at-end", "--json"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(ended.out, StartsWith(R"({"job_id":"job","url":"http://127.0.0.1:)"));
  for (const int signal : {SIGINT, SIGTERM}) {
    const auto process = cli_.Start({"replay", path, "--serve", "0", "--from", "5s"});
    const Deadline deadline(std::chrono::seconds(30));
    while (process->out().empty() && !deadline.Passed()) std::this_thread::yield();
    EXPECT_THAT(process->out(), StartsWith("replaying job on http://127.0.0.1:"));
    const auto port = std::stoi(process->out().substr(process->out().rfind(':') + 1));
    const HttpClient client(static_cast<uint16_t>(port));
    const std::string past = client.Get("/api/v1/jobs/job/events?after=0").body;
    EXPECT_THAT(past, HasSubstr(R"("job_seq":5)")) << "what was before --from is there at once";
    EXPECT_FALSE(std::filesystem::is_empty(cli_.Path("tmp")));
    process->Signal(signal);
    EXPECT_EQ(process->Wait().exit_code, 0) << process->err();
    EXPECT_TRUE(std::filesystem::is_empty(cli_.Path("tmp")));
  }
}

TEST_F(ReplayTest, WhatCannotBeReplayedIsNamed) {
  const JournalLines journal = JournalLines::Random(kReplaySeed + 7, 10);
  const std::string path = Write("events.jsonl", journal.Text());
  const auto expect = [&](std::vector<std::string> arguments, int code, const std::string& says) {
    const CliResultText result = Replay(std::move(arguments));
    EXPECT_EQ(result.exit_code, code) << says;
    EXPECT_THAT(result.err, HasSubstr(says));
  };
  expect({path, "--speed", "0"}, 2, "--speed: '0' is not a speed");
  expect({path, "--speed", "fast"}, 2, "--speed: 'fast' is not a speed");
  expect({path, "--speed", "nan"}, 2, "--speed: 'nan' is not a speed");
  expect({path, "--max-wait", "-1"}, 2, "--max-wait: invalid duration '-1'");
  expect({path, "--from", "yesterday"}, 2, "--from: invalid time 'yesterday'");
  expect({path, "--to", "7"}, 2, "--to: invalid time '7'");
  expect({path, "--from", "2h"}, 2, "and ends at 2026-11-21T07:41:11.999000Z");
  expect({path, "--serve", "65536"}, 2, "--serve: '65536' is not a port");
  expect({path, "--exit-at-end"}, 2, "requires --serve");
  expect({cli_.Path("nowhere")}, 7, "no such file or folder");
  expect({"nowhere.jsonl"}, 7, "no such file or folder");
  expect({"nowhere", "--url", "http://127.0.0.1:1"}, 5, "there is no file 'nowhere' either");
  expect({Write("empty", "")}, 7, "contains no events");
  expect({Write("prose", "Dear diary\n")}, 7, "not a stagelog journal");
  OpenServer();
  expect({path, "--serve", std::to_string(server_->port())}, 2, "--serve 0 picks a free port");
  cli_.SetEnvironment("TMPDIR", cli_.Path("nowhere"));
  expect({path, "--serve", "0"}, 1, "set TMPDIR");
}

TEST_F(ReplayTest, TellsWhatCanBeTrustedOfADamagedFileAndThenRefuses) {
  std::vector<std::string> lines = JournalLines::Random(kReplaySeed + 8, 10).lines();
  const std::string trusted = JoinLines({lines.begin(), lines.begin() + 4});
  lines.erase(lines.begin() + 4);
  const std::string path = Write("events.jsonl", JoinLines(lines));
  for (const std::vector<std::string>& more :
       std::vector<std::vector<std::string>>{{}, {"--serve", "0", "--exit-at-end"}}) {
    std::vector<std::string> arguments = {path, "--speed", "max", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const CliResultText result = Replay(arguments);
    EXPECT_EQ(result.exit_code, 7);
    EXPECT_THAT(result.err, HasSubstr("line 5 (byte "));
    if (more.empty()) {
      EXPECT_EQ(result.out, trusted);
    }
  }
  const CliResultText regardless = Replay({path, "--speed", "max", "--json", "--unverified"});
  EXPECT_EQ(regardless.exit_code, 0);
  EXPECT_EQ(regardless.out, JoinLines(lines));
}

}  // namespace
}  // namespace stagelog
