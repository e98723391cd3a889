// How the file descriptors of the process are shared out.
#ifndef STAGELOG_APP_DESCRIPTOR_SHARES_H_
#define STAGELOG_APP_DESCRIPTOR_SHARES_H_

#include <cstddef>

#include "base/result.h"

namespace stagelog {

struct DescriptorShares {
  size_t open_files = 0;   // events.jsonl that are kept open
  size_t outgoing = 0;     // connections to webhooks; as many may be kept open for later
  size_t connections = 0;  // streams included; a fifth more find room for a moment, to be refused
};

// Shares out `limit` descriptors. Where there are few, both get less than is configured (the log
// says so), so that accept() is the last to find none. Fails with EMFILE where there are too few
// for what always has to work. `reader_threads` read the journal for streams.
Result<DescriptorShares> ShareDescriptors(size_t limit, size_t open_files, size_t reader_threads);

// Raises the soft limit of open descriptors to the hard one and returns it.
size_t RaiseDescriptorLimit();

}  // namespace stagelog

#endif  // STAGELOG_APP_DESCRIPTOR_SHARES_H_
