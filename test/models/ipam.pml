/*
 * The transactions of packages/ipam on one pool with one block of two addresses: claim of the block, allocation (own and borrowed),
 * release by number, return of an empty block, surrender of what a host held that is gone, removal of the pool. Each reads, and later
 * writes only if its conditions still hold. In between anybody else may have a turn, and a process may die: it starts anew at `idle`.
 *
 * A revision matters only by being the one that was read or another, so there is no number: each process has flags that are set when it
 * reads and cleared, in all processes, when the key is written. The state space is therefore finite without any bound on the steps.
 *
 * Each condition can be left out (-DNO_REVISION, …); ipam.test.ts expects an address of two owners then.
 */
#define NOBODY 2
#define AGENTS 3    /* two processes of host 0 (an agent, and calls without it) and one of host 1 */
#define RECLAIMER 3
#define ADMINISTRATOR 4
#define PROCESSES 5

mtype:pool = { ready, frozen, gone };

/* The store. */
byte owner = NOBODY;               /* the block's host; NOBODY: there is no block */
byte holder[2] = NOBODY;           /* the host that holds each address */
mtype:pool pool = ready;
bool known = true;                 /* host 0 has a Host object */
bool present = true;               /* its agent gives signs of life */

/* Since the process read it, nobody wrote the block; the pool; and the allocation is the one that it means. */
bool unchanged[PROCESSES], poolUnchanged[PROCESSES];
bool meant[6];                     /* process * 2 + address */

/* The world: containers that live and were told that an address is theirs. */
bool live[4];                      /* host * 2 + address */
bool up = true;                    /* host 0 runs */
bool registered[AGENTS] = true;    /* the process has made sure of the Host object since it started */

#define LIVE(host, a) live[(host) * 2 + (a)]
#define MEANT(process, a) meant[(process) * 2 + (a)]

#ifdef NO_REVISION
#define BLOCK_AS_READ(process) true
#else
#define BLOCK_AS_READ(process) unchanged[process]
#endif
#ifdef NO_POOL
#define POOL_AS_READ(process) true
#else
#define POOL_AS_READ(process) poolUnchanged[process]
#endif
#ifdef NO_SEQUENCE
#define ALLOCATION_AS_MEANT(process, a) true
#else
#define ALLOCATION_AS_MEANT(process, a) MEANT(process, a)
#endif
#ifdef NO_HOST
#define STILL_GONE (!present)
#else
#define STILL_GONE (!present && !known)
#endif

inline wroteBlock() {
  unchanged[0] = false; unchanged[1] = false; unchanged[2] = false; unchanged[RECLAIMER] = false; unchanged[ADMINISTRATOR] = false
}

inline wrotePool() {
  poolUnchanged[0] = false; poolUnchanged[1] = false; poolUnchanged[2] = false; poolUnchanged[ADMINISTRATOR] = false
}

/* Nobody means the allocation any more: the next one of this address has another number. */
inline free(a) {
  holder[a] = NOBODY;
  MEANT(0, a) = false; MEANT(1, a) = false; MEANT(2, a) = false
}

inline removeBlock() {
  free(0); free(1); owner = NOBODY; wroteBlock()
}

proctype Agent(byte me, host) {
  byte a = 0;
  bool seen = false;
idle:
  a = 0; seen = false;
  do
  /* Of a process that serves calls the first thing: the Host object. The second process of host 0 gives no sign of life. */
  :: atomic { host == 0 && up && !registered[me] -> registered[me] = true; known = true };
    if :: me == 0 -> present = true :: true fi;
    goto idle

  /* ADD: an address that is free, in the own block or in the other host's, or in a block that is claimed with it. */
  :: atomic {
      registered[me] -> if :: a = 0 :: a = 1 fi;
      seen = (pool == ready && holder[a] == NOBODY);
      unchanged[me] = true; poolUnchanged[me] = true
    };
    if
    :: seen -> atomic {
        if
        :: BLOCK_AS_READ(me) && POOL_AS_READ(me) ->
          if :: owner == NOBODY -> owner = host :: else fi;
          assert(!LIVE(0, a) && !LIVE(1, a));
          holder[a] = host; LIVE(host, a) = true; wroteBlock()
        :: else /* refused, planned anew */
        fi
      }
    :: true /* died before, or there was none */
    fi;
    goto idle

  /* DEL: the container ends, or has ended and was found; then its address is released, perhaps much later. */
  :: registered[me] && (holder[0] == host || holder[1] == host) ->
    atomic {
      if :: holder[0] == host -> a = 0 :: holder[1] == host -> a = 1 :: else -> goto idle fi;
      LIVE(host, a) = false; MEANT(me, a) = true
    };
    do
    :: atomic { unchanged[me] = true; seen = (holder[a] == host) };
      if
      :: atomic {
          if
          :: seen && BLOCK_AS_READ(me) && ALLOCATION_AS_MEANT(me, a) -> free(a); wroteBlock()
          :: else
          fi
        }; break
      :: true /* refused by another's write: read again */
      fi
    :: true -> break /* died: reconciliation finds it */
    od;
    atomic { MEANT(me, a) = false };
    goto idle

  /* The own block is empty, and goes back. */
  :: atomic { unchanged[me] = true; seen = (owner == host && holder[0] == NOBODY && holder[1] == NOBODY) };
    if
    :: seen -> atomic { if :: BLOCK_AS_READ(me) -> removeBlock() :: else fi }
    :: true
    fi;
    goto idle
  od
}

/*
 * Host 0 goes, with its processes and containers, and comes back, or its agent is silent for a while. Only of a host that is gone does an
 * operator delete the Host object.
 */
proctype Machine() {
  do
  :: atomic {
      up = false; present = false; registered[0] = false; registered[1] = false; unchanged[0] = false; unchanged[1] = false;
      LIVE(0, 0) = false; LIVE(0, 1) = false
    };
    if :: known = false :: true fi;
    up = true
  :: present -> present = false
  od
}

/* Another host's agent gives back what host 0 held, once it has seen that it is gone; or its block, if that is empty and it is silent. */
proctype Reclaimer() {
  bool seen = false;
  do
  :: atomic { !present && !known };
    do
    :: unchanged[RECLAIMER] = true;
      atomic {
        if
        :: BLOCK_AS_READ(RECLAIMER) && STILL_GONE ->
          if :: holder[0] == 0 -> free(0) :: else fi;
          if :: holder[1] == 0 -> free(1) :: else fi;
          if :: owner == 0 && holder[0] == NOBODY && holder[1] == NOBODY -> owner = NOBODY :: else fi;
          wroteBlock(); break
        :: else
        fi
      }
    :: true -> break
    od
  :: !present -> atomic { unchanged[RECLAIMER] = true; seen = (owner == 0 && holder[0] == NOBODY && holder[1] == NOBODY) };
    if
    :: seen -> atomic { if :: BLOCK_AS_READ(RECLAIMER) && !present -> removeBlock() :: else fi; seen = false }
    :: true -> seen = false
    fi
  od
}

/* The pool is frozen, looked at, its empty block deleted, and then the pool; it is let go again where somebody has an address. */
proctype Administrator() {
  bool vacant = false;
  do
  :: pool == ready ->
    atomic { pool = frozen; wrotePool(); poolUnchanged[ADMINISTRATOR] = true };
    atomic { vacant = (holder[0] == NOBODY && holder[1] == NOBODY); unchanged[ADMINISTRATOR] = true };
    if
    :: vacant -> atomic {
        if
        :: BLOCK_AS_READ(ADMINISTRATOR) ->
          if :: owner != NOBODY -> removeBlock() :: else fi
        :: else -> vacant = false
        fi
      }
    :: else
    fi;
    atomic {
      if
      :: vacant && POOL_AS_READ(ADMINISTRATOR) ->
        assert(holder[0] == NOBODY && holder[1] == NOBODY && owner == NOBODY);
        pool = gone; wrotePool()
      :: else -> pool = ready; wrotePool()
      fi;
      vacant = false
    }
  :: pool == gone -> atomic { pool = ready; wrotePool() }
  od
}

/* Every container that lives has its address, in a block, of a pool. */
#define SOUND(h, a) (!LIVE(h, a) || (holder[a] == h && owner != NOBODY && pool != gone))

active proctype Invariant() {
end:
  atomic { !(SOUND(0, 0) && SOUND(0, 1) && SOUND(1, 0) && SOUND(1, 1)) -> assert(false) }
}

/* Smaller worlds rather than one: what a machine's death brings and what an administrator does, do not depend on each other. */
init {
#if WORLD == 1
  atomic { run Agent(1, 0); run Agent(2, 1); run Machine(); run Reclaimer() }
#elif WORLD == 2
  atomic { run Agent(0, 0); run Agent(1, 0); run Administrator() }
#else
  atomic { run Agent(0, 0); run Agent(1, 0); run Agent(2, 1) }
#endif
}
