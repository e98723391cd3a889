// Many subscribers join, fall behind and catch up while a writer commits: each must get exactly the
// events later than its cursor that it asked for, in order (guarantees 3, 4 and 5 in
// src/GUARANTEES.md).
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "tests/stream/stream_fixture.h"

namespace stagelog {
namespace {

constexpr int kEvents = 4'000;
constexpr int kSubscribers = 60;

struct Expectation {
  StreamClient* client;
  StreamRequest request;
  std::vector<int64_t> seqs;
  size_t greed;  // bytes it takes at a time; it is slow when that is little
};

class StreamRaceTest : public StreamFixture, public ::testing::WithParamInterface<unsigned> {
 protected:
  // Commits all events in batches of random size; an event is readable before it is announced.
  void Write(unsigned seed) {
    std::mt19937 random(seed);
    for (int written = 0; written < kEvents;) {
      auto batch = std::make_shared<CommittedBatch>();
      const int size = std::min<int>(1 + static_cast<int>(random() % 40), kEvents - written);
      for (int i = 0; i < size; ++i) {
        const std::string job_id(1, static_cast<char>('a' + random() % 3));
        const std::string type = random() % 4 == 0 ? "stage_progress" : "log";
        batch->events.push_back(journal.Store(job_id, type, std::string(random() % 200, 'm')));
      }
      written += size;
      if (random() % 3 == 0) std::this_thread::yield();
      manager->OnCommit(batch);
      stored = written;
    }
  }

  Expectation Join(std::mt19937& random) {
    StreamRequest request = {.token_name = "reader"};
    if (random() % 2 == 0) request.job_id = std::string(1, static_cast<char>('a' + random() % 3));
    if (random() % 3 == 0) request.filter.types = {"stage_progress"};
    if (random() % 4 == 0) request.form.kind = FrameForm::Kind::kNamed;
    request.chunked = random() % 3 != 0;
    const int64_t head = journal.GetStatus().head_seq;
    const int64_t cursor = random() % 2 == 0 ? head : static_cast<int64_t>(random() % (head + 1));
    request = After(request, cursor);
    StreamClient& client = Connect(request, random() % 2 == 0 ? 4096 : 0);
    return {&client, request, {}, random() % 3 == 0 ? size_t{700} : size_t{1} << 20};
  }

  void Expect(Expectation& expectation) {
    for (const CommittedEvent& event : journal.Events()) {
      const StreamRequest& request = expectation.request;
      if (event.seq <= request.start.position->value) continue;
      if (request.job_id && *request.job_id != event.job_id) continue;
      if (request.filter.Matches(event.body)) expectation.seqs.push_back(event.seq);
    }
  }

  static bool HeardAll(Expectation& each) { return each.client->Seqs().size() >= each.seqs.size(); }

  std::atomic<int> stored = 0;
};

TEST_P(StreamRaceTest, EverySubscriberGetsExactlyItsEvents) {
  std::mt19937 random(GetParam());
  options.all_jobs_ring_bytes = 30'000;
  options.job_ring_bytes = 12'000;
  options.round_bytes = 4'000;
  options.page_events = 50;
  options.page_bytes = 6'000;
  options.pending_bytes = GetParam() % 2 == 0 ? 20'000 : size_t{64} << 20;
  options.reader_threads = 2;
  Manager();
  std::vector<Expectation> expectations;
  std::thread writer([this] { Write(GetParam() + 1000); });
  while (stored < kEvents || expectations.size() < kSubscribers) {
    const bool in_time = static_cast<int>(expectations.size()) * kEvents / kSubscribers <= stored;
    if (expectations.size() < kSubscribers && in_time) expectations.push_back(Join(random));
    manager->RunOnce(random() % 2 == 0 ? 0 : 1);
    for (const Expectation& each : expectations) {
      if (random() % 3 == 0) each.client->Receive(each.greed);
    }
    if (random() % 20 == 0) clock.AdvanceMicros(500'000);
  }
  writer.join();
  for (Expectation& expectation : expectations) Expect(expectation);
  RunUntil([&] {
    return std::all_of(expectations.begin(), expectations.end(),
                       [](Expectation& each) { return each.client->closed() || HeardAll(each); });
  });
  Settle();
  for (Expectation& each : expectations) {
    EXPECT_FALSE(each.client->closed());
    ASSERT_EQ(each.seqs, each.client->Seqs());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, StreamRaceTest, ::testing::Range(1U, 9U));

}  // namespace
}  // namespace stagelog
