//! Places for values that own memory, at stable small handles; freed ones are used again, last in first out.

/// O(1) insert and take; memory grows with the most values ever held at once.
#[derive(Clone, Debug)]
pub struct Slots<T> {
    values: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { values: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slots<T> {
    /// Stores a value and returns its handle.
    pub fn insert(&mut self, value: T) -> u32 {
        if let Some(handle) = self.free.pop() {
            self.values[handle as usize] = Some(value);
            return handle;
        }
        self.values.push(Some(value));
        (self.values.len() - 1) as u32
    }

    /// Takes the value at a handle out, if there is one.
    pub fn take(&mut self, handle: u32) -> Option<T> {
        let value = self.values.get_mut(handle as usize)?.take();
        if value.is_some() {
            self.free.push(handle);
        }
        value
    }

    /// The value at a handle, if there is one.
    pub fn get_mut(&mut self, handle: u32) -> Option<&mut T> {
        self.values.get_mut(handle as usize)?.as_mut()
    }

    /// The value at a handle, if there is one, to look at.
    pub fn get(&self, handle: u32) -> Option<&T> {
        self.values.get(handle as usize)?.as_ref()
    }

    /// How many values are held now.
    pub fn len(&self) -> usize {
        self.values.len() - self.free.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values held now, by handle.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.values.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_gives_its_value_once_and_is_used_again() {
        let mut slots = Slots::default();
        let (first, second) = (slots.insert("a".to_owned()), slots.insert("b".to_owned()));
        assert_eq!((slots.take(first).as_deref(), slots.take(first)), (Some("a"), None));
        assert_eq!((slots.insert("c".to_owned()), slots.len()), (first, 2));
        assert_eq!(slots.iter().map(String::as_str).collect::<Vec<_>>(), ["c", "b"]);
        assert!(slots.take(second).is_some() && slots.take(first).is_some() && slots.is_empty());
    }
}
