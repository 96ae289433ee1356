//! Objects by number. A number names a place in a table, the kind of object and how often the place was used before, so that a stale
//! number is found out and never names somebody else's object.

use crate::engine::Opener;
use crate::session::Live;
use crate::status::{Failure, PortraitStatus};
use crate::texture::Canvas;
use portrait_runtime::Avatar;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An object of the host's. Kept alive by whoever works with it, even when it is released meanwhile.
#[derive(Clone)]
pub(crate) enum Object {
    Engine(Arc<Opener>),
    Avatar(Arc<Avatar>),
    Session(Arc<Live>),
    Texture(Arc<Canvas>),
}

/// Names of the kinds, by their number in a handle less 1.
const KINDS: [&str; 4] = ["engine", "avatar", "session", "texture"];
/// Places at most: 24 bits.
const PLACES: usize = 1 << 24;

impl Object {
    fn kind(&self) -> u64 {
        match self {
            Self::Engine(_) => 1,
            Self::Avatar(_) => 2,
            Self::Session(_) => 3,
            Self::Texture(_) => 4,
        }
    }
}

/// Kind, place and use of a number: 8, 24 and 32 bits.
#[derive(Clone, Copy)]
struct Parts {
    kind: u64,
    place: usize,
    turn: u32,
}

impl Parts {
    fn of(handle: u64) -> Self {
        Self { kind: handle >> 56, place: (handle >> 32) as usize & (PLACES - 1), turn: handle as u32 }
    }

    fn handle(self) -> u64 {
        self.kind << 56 | (self.place as u64) << 32 | u64::from(self.turn)
    }
}

struct Place {
    /// Of the object that is here or comes next.
    turn: u32,
    object: Option<Object>,
}

struct Table {
    places: Vec<Place>,
    free: Vec<usize>,
    /// Objects that are being released, by their numbers.
    closing: Vec<(u64, Object)>,
}

static TABLE: Mutex<Table> = Mutex::new(Table { places: Vec::new(), free: Vec::new(), closing: Vec::new() });

fn table() -> MutexGuard<'static, Table> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Table {
    fn insert(&mut self, object: Object) -> Result<u64, Failure> {
        let place = match self.free.pop() {
            Some(place) => place,
            None if self.places.len() < PLACES => {
                self.places.push(Place { turn: 1, object: None });
                self.places.len() - 1
            }
            None => return Err(Failure::new(PortraitStatus::Internal, format!("more than {PLACES} objects"))),
        };
        let slot = &mut self.places[place];
        let kind = object.kind();
        slot.object = Some(object);
        Ok(Parts { kind, place, turn: slot.turn }.handle())
    }

    /// The place of a number; an error unless something of this kind is or was there.
    fn find(&mut self, handle: u64, kind: u64) -> Result<&mut Place, Failure> {
        let parts = Parts::of(handle);
        let wanted = KINDS[kind as usize - 1];
        let invalid = |what: String| Failure::new(PortraitStatus::InvalidHandle, what);
        if handle == 0 {
            return Err(invalid(format!("0 is no {wanted}: was the call that makes one successful?")));
        }
        let never = || invalid(format!("{handle:#x} is no {wanted}: no such object was ever made"));
        if parts.kind != kind {
            let other = (parts.kind as usize).checked_sub(1).and_then(|i| KINDS.get(i));
            return Err(other.map_or_else(never, |other| {
                invalid(format!("this handle is of kind {other}, and one of kind {wanted} is needed"))
            }));
        }
        match self.places.get_mut(parts.place) {
            // The number may lie about the kind.
            Some(Place { turn, object: Some(object), .. }) if *turn == parts.turn && object.kind() != kind => {
                Err(never())
            }
            Some(place) if place.turn == parts.turn && place.object.is_some() => Ok(place),
            Some(place) if parts.turn != 0 && (parts.turn < place.turn) => {
                Err(Failure::new(PortraitStatus::Released, format!("this {wanted} was released")))
            }
            _ => Err(never()),
        }
    }

    fn remove(&mut self, handle: u64, kind: u64) -> Result<Option<Object>, Failure> {
        let slot = match self.find(handle, kind) {
            Ok(slot) => slot,
            Err(failure) if failure.status == PortraitStatus::Released => {
                return Ok(self.closing.iter().find(|(number, _)| *number == handle).map(|(_, object)| object.clone()));
            }
            Err(failure) => return Err(failure),
        };
        let object = slot.object.take();
        slot.turn += 1;
        // A place whose numbers are used up is not used again.
        let usable = slot.turn < u32::MAX;
        self.free.extend(usable.then_some(Parts::of(handle).place));
        self.closing.extend(object.iter().map(|object| (handle, object.clone())));
        Ok(object)
    }

    /// Nobody has to wait for this one any more.
    fn closed(&mut self, handle: u64) -> Vec<(u64, Object)> {
        self.closing.extract_if(.., |(number, _)| *number == handle).collect()
    }
}

/// A new number for an object.
pub(crate) fn insert(object: Object) -> Result<u64, Failure> {
    table().insert(object)
}

/// The object goes; whoever still works with it keeps it until done. `close` waits for what it must: also for a thread that releases the
/// object while another one does. It is not called for 0 and for what was released before.
pub(crate) fn release(handle: u64, kind: u64, close: impl FnOnce(&Object)) -> Result<(), Failure> {
    if handle == 0 {
        return Ok(());
    }
    let object = table().remove(handle, kind)?;
    if let Some(object) = object {
        close(&object);
        let done = table().closed(handle);
        // Outside of the lock: what an object holds may take long to go.
        drop((done, object));
    }
    Ok(())
}

/// Number of the kind in handles.
pub(crate) const ENGINE: u64 = 1;
/// See [`ENGINE`].
pub(crate) const AVATAR: u64 = 2;
/// See [`ENGINE`].
pub(crate) const SESSION: u64 = 3;
/// See [`ENGINE`].
pub(crate) const TEXTURE: u64 = 4;

macro_rules! getter {
    ($name:ident, $kind:ident, $variant:ident, $of:ty) => {
        /// The object of this number.
        pub(crate) fn $name(handle: u64) -> Result<Arc<$of>, Failure> {
            match &table().find(handle, $kind)?.object {
                Some(Object::$variant(object)) => Ok(object.clone()),
                _ => Err(Failure::new(PortraitStatus::Internal, "the table of objects is wrong")),
            }
        }
    };
}

getter!(engine, ENGINE, Engine, Opener);
getter!(avatar, AVATAR, Avatar, Avatar);
getter!(session, SESSION, Session, Live);
getter!(texture, TEXTURE, Texture, Canvas);
