#include "stream/catch_up_reader.h"

#include <pthread.h>

#include <algorithm>

#include "base/mutex.h"

namespace stagelog {
namespace {

// How long a page with a filter is looked for before the next subscriber has its turn.
constexpr int64_t kFilteredMicros = 25'000;

bool SameRead(const CatchUpTask& a, const CatchUpTask& b) {
  return !a.time_micros && !b.time_micros && a.request.after == b.request.after &&
         a.form == b.form && a.request.filter.empty() && b.request.filter.empty() &&
         a.request.job_id == b.request.job_id;
}

FrameSegmentPointer EncodePage(const Page& page, const FrameForm& form) {
  size_t body_bytes = 0;
  for (const PageEvent& event : page.events) body_bytes += event.body.size();
  FrameSegmentBuilder builder(form);
  builder.Reserve(page.events.size(), body_bytes);
  for (const PageEvent& event : page.events) builder.Add(event.seq, event.body, /*job_over=*/false);
  return builder.Build();
}

// Nothing that matches lies between what was scanned and the snapshot's head when there is no more.
int64_t ScannedThrough(const Page& page) {
  return page.has_more ? page.scanned_through : std::max(page.scanned_through, page.head_seq);
}

}  // namespace

CatchUpReader::CatchUpReader(EventSource& source, int thread_count, Post post)
    : source_(source), post_(std::move(post)) {
  for (int i = 0; i < std::max(1, thread_count); ++i) threads_.emplace_back([this] { Work(); });
}

CatchUpReader::~CatchUpReader() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void CatchUpReader::Submit(CatchUpTask task) {
  {
    const MutexLock lock(mutex_);
    const bool is_filtered = !task.time_micros && !task.request.filter.empty();
    if (is_filtered) task.request.max_micros = kFilteredMicros;
    (is_filtered ? filtered_ : queue_).push_back(std::move(task));
  }
  wake_.notify_one();
}

void CatchUpReader::Cancel(uint64_t subscriber_id) {
  const MutexLock lock(mutex_);
  const auto is_its = [=](const CatchUpTask& task) { return task.subscriber_id == subscriber_id; };
  std::erase_if(queue_, is_its);
  std::erase_if(filtered_, is_its);
}

// One of the two that is not empty.
std::deque<CatchUpTask>& CatchUpReader::QueueOfThisTurn() {
  is_filtered_turn_ = queue_.empty() || (!is_filtered_turn_ && !filtered_.empty());
  return is_filtered_turn_ ? filtered_ : queue_;
}

// Waits for work and returns the oldest task with all that want the same page. They are taken
// before the page is read, so that its snapshot is newer than each of them. Empty: the reader
// stops.
std::vector<CatchUpTask> CatchUpReader::TakeTasks() {
  MutexLock lock(mutex_);
  wake_.wait(lock, [this]() STAGELOG_REQUIRES(mutex_) {
    return stopping_ || !queue_.empty() || !filtered_.empty();
  });
  std::vector<CatchUpTask> tasks;
  if (stopping_) return tasks;
  std::deque<CatchUpTask>& queue = QueueOfThisTurn();
  tasks.push_back(std::move(queue.front()));
  queue.pop_front();
  const auto shares = [&tasks](const CatchUpTask& task) { return SameRead(tasks.front(), task); };
  const auto shared = std::stable_partition(queue.begin(), queue.end(), std::not_fn(shares));
  tasks.insert(tasks.end(), std::make_move_iterator(shared), std::make_move_iterator(queue.end()));
  queue.erase(shared, queue.end());
  return tasks;
}

Result<CatchUpPage> CatchUpReader::Run(const CatchUpTask& task) {
  if (task.time_micros) {
    return source_.SeqAtTime(*task.time_micros).map([](int64_t seq) {
      return CatchUpPage{.scanned_through = seq};
    });
  }
  return source_.Read(task.request).map([&task](const Page& page) {
    return CatchUpPage{.frames = EncodePage(page, task.form),
                       .scanned_through = ScannedThrough(page),
                       .has_more = page.has_more,
                       .job_over = page.job_over};
  });
}

void CatchUpReader::Work() {
  ::pthread_setname_np(::pthread_self(), "journal-reader");
  while (true) {
    const std::vector<CatchUpTask> tasks = TakeTasks();
    if (tasks.empty()) return;
    const Result<CatchUpPage> page = Run(tasks.front());
    for (const CatchUpTask& task : tasks) post_({task.subscriber_id, page});
  }
}

}  // namespace stagelog
