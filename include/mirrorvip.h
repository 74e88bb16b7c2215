// mirrorvip: the C interface of libmirrorvip.so, a callout library for InterSystems IRIS ($ZF).
//
// IRIS finds the functions through GetZFTable alone, in this order (the number is the one for $ZF(-5)):
//
//   1  Version  1B     int mirrorvip_version(mirrorvip_string *report)
//   2  Acquire  1b1B   int mirrorvip_acquire(const mirrorvip_string *request, mirrorvip_string *report)
//   3  Status   1b1B   int mirrorvip_status(const mirrorvip_string *request, mirrorvip_string *report)
//   4  Check    1b1B   int mirrorvip_check(const mirrorvip_string *request, mirrorvip_string *report)
//   5  Release  1b1B   int mirrorvip_release(const mirrorvip_string *request, mirrorvip_string *report)
//
// Each returns ZF_SUCCESS with one JSON object in *report whenever it could write one, whatever the cloud said, and
// ZF_FAILURE otherwise. *report must have room for the smaller of ZFSTRSIZE() and 32,767 bytes behind its length.
// Everything runs on the calling thread.
//
// Made from the Rust sources by cbindgen; do not edit.

#ifndef MIRRORVIP_H
#define MIRRORVIP_H

#include <stdint.h>

// `ZF_SUCCESS`: the output argument is the result of `$ZF`.
#define ZF_SUCCESS 0

// `ZF_FAILURE`: IRIS raises `<FUNCTION>` and the output is lost.
#define ZF_FAILURE 1

// One entry of the function table (`struct zfestr`).
typedef struct mirrorvip_entry {
  // The name in a `$ZF` call.
  const char *name;
  // The linkage string.
  const char *linkage;
  // The function; its arguments follow the linkage.
  int (*function)(void);
} mirrorvip_entry;

// The functions that IRIS offers a callout library on Linux, in their order. On Windows the three about signals are
// absent.
typedef struct mirrorvip_callbacks {
  // `ZFSTRSIZE`: the longest string that a `$ZF` call can return.
  int (*string_size)(void);
  // `ZFERROR`: not used.
  int (*error)(int, int);
  // `IRISMGRDIRA`: writes the manager's directory as 8-bit text.
  int (*manager_directory)(int, char*);
  // `IRISMGRDIRW`: not used.
  int (*manager_directory_wide)(int, uint16_t*);
  // `SIGRTCHK`: 1 when somebody wants this process to end.
  int (*check_signal)(void);
  // `SIGRTCLR`: to be called once before a wait.
  int (*clear_signal)(void);
  // `DZFALARM`: not used.
  int (*alarm)(void);
  // `ZFRESJOB`: not used.
  int (*reserve_job)(void);
  // `IRISMGRDIRH`: not used.
  int (*manager_directory_long)(int, int32_t*);
} mirrorvip_callbacks;

// A counted 8-bit string (linkages `1b` and `1B`): its length, then that many bytes. No NUL ends it.
typedef struct mirrorvip_string {
  // Number of bytes in `data`.
  uint16_t len;
  // The first of the bytes.
  uint8_t data[1];
} mirrorvip_string;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Called by IRIS when it loads the library: takes IRIS's tables, gives ours. Either argument may be null; the second,
// the Callin functions, is not used. The array that is returned ends with an entry of nulls and is never freed.
const struct mirrorvip_entry *GetZFTable(struct mirrorvip_callbacks *callbacks,
                                         void *_callin);

// Called by IRIS after a load. Nothing is prepared ahead of a call; always 0, no error.
int ZFInit(void);

// Called by IRIS before an unload. Nothing is kept between calls; always 0, no error.
int ZFUnload(void);

// `Version` (linkage `1B`): name, version, commit and the clouds that are built in, as one JSON object.
//
// # Safety
// `report` is null or has room for the host's longest `$ZF` string (`ZFSTRSIZE`, by default 32,767 bytes).
int mirrorvip_version(struct mirrorvip_string *report);

// `Acquire` (linkage `1b1B`): makes this member the holder of the VIP, verifies it, reports.
//
// # Safety
// `request` is null or a counted string; `report` is null or has room for the host's longest `$ZF` string.
int mirrorvip_acquire(const struct mirrorvip_string *request,
                      struct mirrorvip_string *report);

// `Status` (linkage `1b1B`): who holds the VIP now; reads only.
//
// # Safety
// As [`mirrorvip_acquire`].
int mirrorvip_status(const struct mirrorvip_string *request, struct mirrorvip_string *report);

// `Check` (linkage `1b1B`): preflight; changes nothing.
//
// # Safety
// As [`mirrorvip_acquire`].
int mirrorvip_check(const struct mirrorvip_string *request, struct mirrorvip_string *report);

// `Release` (linkage `1b1B`): gives the VIP up if this member holds it.
//
// # Safety
// As [`mirrorvip_acquire`].
int mirrorvip_release(const struct mirrorvip_string *request, struct mirrorvip_string *report);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* MIRRORVIP_H */
