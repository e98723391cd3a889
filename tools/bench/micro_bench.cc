// What the parts cost by themselves: an event's way through decoding, encoding, hashing, the commit
// and the pump.
//
//   micro_bench [--benchmark_filter=Commit] [--folder=/var/tmp]
//
// Commits go to a journal under --folder (or TMPDIR), which is removed at the end: put it on the
// disk that is meant.
#include <benchmark/benchmark.h>
#include <sys/socket.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <thread>

#include "base/file_system.h"
#include "base/logging.h"
#include "base/sha256.h"
#include "core/draft_decoder.h"
#include "core/event_codec.h"
#include "log/event_logger.h"
#include "stream/event_stream_manager.h"

namespace stagelog {
namespace {

std::string folder;

const std::string kBody =
    R"({"type":"stage_progress","stage":"encode","message":"frame done","payload":)"
    R"({"current":4242,"total":9000,"unit":"frames"}})";

EventDraft SampleDraft() { return *DecodeDraft(kBody, {"bench-1", "admin"}); }

Event SampleEvent(int64_t seq) {
  Event event;
  event.seq = seq;
  event.job_seq = seq;
  event.ts_micros = 1'790'000'000'000'000 + seq;
  event.draft = SampleDraft();
  event.draft.event_id = "0192f0c1-7b5a-7cc0-8f11-93a1f0aa1042";
  event.draft.occurred_at_micros = event.ts_micros;
  return event;
}

const std::string kHash(64, 'a');

void BM_Decode(benchmark::State& state) {
  const DraftOrigin origin{"bench-1", "admin"};
  for (auto _ : state) benchmark::DoNotOptimize(DecodeDraft(kBody, origin));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(kBody.size()));
}
BENCHMARK(BM_Decode);

void BM_DecodeBatch(benchmark::State& state) {
  std::string body;
  for (int i = 0; i < 1'000; ++i) body += kBody + "\n";
  const DraftOrigin origin{"bench-1", "admin"};
  for (auto _ : state) benchmark::DoNotOptimize(DecodeNdjsonBody(body, origin));
  state.SetItemsProcessed(state.iterations() * 1'000);
}
BENCHMARK(BM_DecodeBatch);

void BM_Encode(benchmark::State& state) {
  const Event event = SampleEvent(1042);
  for (auto _ : state) benchmark::DoNotOptimize(EncodeEvent(event, kHash));
}
BENCHMARK(BM_Encode);

void BM_Hash(benchmark::State& state) {
  const std::string line = EncodeEvent(SampleEvent(1042), kHash).body;
  for (auto _ : state) benchmark::DoNotOptimize(Sha256Hex(kHash, line));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(kHash.size() + line.size()));
}
BENCHMARK(BM_Hash);

void BM_DecodeStored(benchmark::State& state) {
  const std::string line = EncodeEvent(SampleEvent(1042), kHash).body;
  for (auto _ : state) benchmark::DoNotOptimize(DecodeStoredEvent(line));
}
BENCHMARK(BM_DecodeStored);

// One transaction of so many events of one job, with its files: synchronous=FULL, on the disk.
void BM_Commit(benchmark::State& state) {
  const std::string runs = folder + "/commit";
  std::filesystem::remove_all(runs);
  MetricsRegistry metrics;
  EventLoggerOptions options;
  options.runs_dir = runs;
  auto logger = EventLogger::Open(options, RealFileSystem(), SystemClock(), metrics);
  if (!logger) return state.SkipWithError(logger.error().message.c_str());
  const EventDraft draft = SampleDraft();
  const size_t count = static_cast<size_t>(state.range(0));
  for (auto _ : state) {
    bool is_written = false;
    (*logger)->Append(std::vector<EventDraft>(count, draft), std::nullopt,
                      [&](const AppendOutcome& outcome) { is_written = outcome.has_value(); });
    (*logger)->RunOnce(false);
    if (!is_written) return state.SkipWithError("the append was refused");
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Commit)->Arg(1)->Arg(25)->Arg(1'000)->Unit(benchmark::kMicrosecond)->UseRealTime();

// A journal that nobody asks: all subscribers start at its head.
class EmptyJournal : public EventSource, public JournalStatusSource {
 public:
  Result<Page> Read(const ReadRequest&) override { return Page(); }
  Result<int64_t> SeqAtTime(int64_t) override { return 0; }
  JournalStatus GetStatus() const override { return {.journal_id = "bench"}; }
};

// Subscribers of one job whose other ends are read by a thread.
class Audience {
 public:
  Audience(EventStreamManager& streams, int64_t size) {
    for (int64_t i = 0; i < size; ++i) {
      int ends[2];
      if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0) std::abort();
      StreamRequest request;
      request.job_id = "bench-1";
      request.chunked = true;
      streams.Adopt(UniqueFd(ends[0]), std::move(request), "HTTP/1.1 200 OK\r\n\r\n");
      clients_.emplace_back(ends[1]);
    }
  }

  // Takes all that was sent.
  void Drain() {
    static std::vector<char> ignored(size_t{1} << 20);
    for (const UniqueFd& client : clients_) {
      while (::recv(client.get(), ignored.data(), ignored.size(), MSG_DONTWAIT) > 0) {
      }
    }
  }

 private:
  std::vector<UniqueFd> clients_;
};

// One commit of `range(1)` events to `range(0)` subscribers; their reading is not timed.
void BM_Pump(benchmark::State& state) {
  EmptyJournal journal;
  MetricsRegistry metrics;
  EventStreamManager streams(EventStreamOptions(), journal, journal, SystemClock(), metrics);
  Audience audience(streams, state.range(0));
  streams.RunOnce(0);
  int64_t seq = 0;
  for (auto _ : state) {
    state.PauseTiming();
    audience.Drain();
    auto batch = std::make_shared<CommittedBatch>();
    for (int64_t i = 0; i < state.range(1); ++i) {
      ++seq;
      batch->events.push_back({seq, EventType::kStageProgress, "bench-1",
                               EncodeEvent(SampleEvent(seq), kHash).body, false});
    }
    state.ResumeTiming();
    streams.OnCommit(batch);
    streams.RunOnce(0);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0) * state.range(1));
  streams.Stop();
}
BENCHMARK(BM_Pump)->Args({1'000, 1})->Args({1'000, 100})->Unit(benchmark::kMicrosecond);

}  // namespace

int Run(int argument_count, char** arguments) {
  const char* temporary = std::getenv("TMPDIR");
  std::string parent = temporary == nullptr ? "/tmp" : temporary;
  benchmark::Initialize(&argument_count, arguments);
  for (int i = 1; i < argument_count; ++i) {
    const std::string_view argument = arguments[i];
    if (!argument.starts_with("--folder=")) {
      std::cerr << "unknown argument '" << argument << "'\n";
      return 2;
    }
    parent = argument.substr(9);
  }
  folder = parent + "/stagelog-micro-bench-" + std::to_string(::getpid());
  SetLogLevel(LogLevel::kWarning);
  std::filesystem::create_directories(folder);
  benchmark::RunSpecifiedBenchmarks();
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace stagelog

int main(int argument_count, char** arguments) { return stagelog::Run(argument_count, arguments); }
