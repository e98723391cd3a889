#include "stream/topic_table.h"

#include <algorithm>

namespace stagelog {
namespace {

bool OfOneJob(const std::vector<const CommittedEvent*>& events) {
  return std::all_of(events.begin(), events.end(), [&events](const CommittedEvent* event) {
    return event->job_id == events.front()->job_id;
  });
}

FrameSegmentPointer Encode(const std::vector<const CommittedEvent*>& events) {
  size_t body_bytes = 0;
  for (const CommittedEvent* event : events) body_bytes += event->body.size();
  FrameSegmentBuilder builder;
  builder.Reserve(events.size(), body_bytes);
  for (const CommittedEvent* event : events) builder.Add(event->seq, event->body, event->job_over);
  return builder.Build();
}

}  // namespace

void TopicTable::Join(Subscriber& subscriber, const std::optional<std::string>& job_id,
                      int64_t newest_seq) {
  std::unique_ptr<Topic>& topic = job_id ? jobs_[*job_id] : all_jobs_;
  if (topic == nullptr) {
    const size_t ring_bytes = job_id ? job_ring_bytes_ : all_jobs_ring_bytes_;
    topic.reset(new Topic{.job_id = job_id, .ring = FrameRing(ring_bytes, newest_seq)});
  }
  subscriber.topic = topic.get();
  subscriber.topic_index = static_cast<uint32_t>(topic->members.size());
  topic->members.push_back(&subscriber);
}

void TopicTable::Leave(Subscriber& subscriber) {
  Topic& topic = *subscriber.topic;
  topic.members[subscriber.topic_index] = topic.members.back();
  topic.members[subscriber.topic_index]->topic_index = subscriber.topic_index;
  topic.members.pop_back();
  subscriber.topic = nullptr;
  if (!topic.members.empty()) return;
  if (topic.job_id) {
    jobs_.erase(std::string(*topic.job_id));
  } else {
    all_jobs_.reset();
  }
}

Topic* TopicTable::FindJob(const std::string& job_id) const {
  const auto found = jobs_.find(job_id);
  return found == jobs_.end() ? nullptr : found->second.get();
}

const std::vector<Topic*>& TopicTable::Append(const std::vector<const CommittedEvent*>& events) {
  touched_.clear();
  if (events.empty()) return touched_;
  if (OfOneJob(events)) {
    // The same segment serves both rings.
    Topic* job = jobs_.empty() ? nullptr : FindJob(events.front()->job_id);
    if (job != nullptr) touched_.push_back(job);
    if (all_jobs_ != nullptr) touched_.push_back(all_jobs_.get());
    if (touched_.empty()) return touched_;
    const FrameSegmentPointer segment = Encode(events);
    for (Topic* topic : touched_) topic->ring.Append(segment);
    return touched_;
  }
  AppendToAllJobs(events);
  AppendToJobs(events);
  return touched_;
}

void TopicTable::AppendToAllJobs(const std::vector<const CommittedEvent*>& events) {
  if (all_jobs_ == nullptr) return;
  all_jobs_->ring.Append(Encode(events));
  touched_.push_back(all_jobs_.get());
}

void TopicTable::AppendToJobs(const std::vector<const CommittedEvent*>& events) {
  if (jobs_.empty()) return;
  const size_t first_job = touched_.size();
  for (const CommittedEvent* event : events) {
    Topic* topic = FindJob(event->job_id);
    if (topic == nullptr) continue;
    if (topic->builder.empty()) touched_.push_back(topic);
    topic->builder.Add(event->seq, event->body, event->job_over);
  }
  for (size_t i = first_job; i < touched_.size(); ++i) {
    touched_[i]->ring.Append(touched_[i]->builder.Build());
  }
}

void TopicTable::Reset(int64_t complete_after) {
  if (all_jobs_ != nullptr) all_jobs_->ring.Reset(complete_after);
  for (const auto& [job_id, topic] : jobs_) topic->ring.Reset(complete_after);
}

}  // namespace stagelog
